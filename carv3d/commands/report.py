"""carv3d report: what a sweep found, as one page."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import say


def main(args: Namespace) -> int:
    from carv3d.report import page, study
    from carv3d.report.multipliers import summary

    found = study.collect(args.paths)
    parts = found.by_setting()
    baseline = args.baseline or found.variants[0]
    for part in parts.values():
        names = list(dict.fromkeys([*part.variants, *(name for state in part.states for name in state.by_name)]))
        if baseline not in names:
            raise UserError(f"--baseline {baseline}: no such variant; allowed: {', '.join(names)}")
    qualities = list(dict.fromkeys(name for run in found.runs for point in run.curve
                                   for name, value in point.quality.items() if isinstance(value, float)))
    quality = args.quality or (qualities[0] if qualities else "psnr")
    if args.quality and quality not in qualities:
        raise UserError(f"--quality {quality}: no run has it along its way; allowed: "
                        f"{', '.join(qualities) or 'none, since there is none'}")
    folder = Path(args.out or Path(args.paths[0]).expanduser() / "report").expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out: {folder} cannot be made ({error.strerror}); choose a folder you may write to"
                        ) from None
    for run in found.runs:
        if run.status != "done":
            say(f"left out: {run.variant}, {run.prompt}, seed {run.seed} ({run.failure or run.status})")
    numbers = {setting: summary(part, baseline, quality) for setting, part in parts.items()}
    for setting, of_setting in numbers.items():
        for row in of_setting["rows"]:
            if row["name"] != baseline:
                reach = row["reach"]["seconds"]
                print(f"{setting + ': ' if setting else ''}{row['name']}: by variance {page.plain(row['work'])}, "
                      f"to quality in seconds {page.plain(reach[0] if reach else None)}")
    print(page.write(found, numbers, baseline, quality, folder))
    return 0
