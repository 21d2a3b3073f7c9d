"""carv3d report: what a sweep found, as one page."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from carv3d.runtime.errors import UserError
from carv3d.runtime.files import expanded, make_folder
from carv3d.runtime.progress import result, say


def main(args: Namespace) -> int:
    from carv3d.report import endings, page, reading, study
    from carv3d.report.multipliers import summary
    from carv3d.report.parts import present
    from carv3d.report.training import lines

    found = study.collect(args.paths)
    trained = found.of(reading.COMMANDS[0])
    parts = trained.by_setting()
    names = {setting: [*part.variants, *(name for state in part.states for name in state.by_name)]
             for setting, part in parts.items()}
    every = list(dict.fromkeys(name for of_one in names.values() for name in of_one))
    if args.baseline and args.baseline not in every:
        raise UserError(f"--baseline {args.baseline}: no such variant; allowed: "
                        f"{', '.join(every) or 'none, as only runs of carv3d train have multipliers'}")
    baseline = {setting: args.baseline if args.baseline in names[setting] else part.first
                for setting, part in parts.items()}
    along = (name for run in found.runs for point in run.curve
             for name, value in point.quality.items() if isinstance(value, float))
    qualities = list(dict.fromkeys([*along, *endings.scores(trained.runs)]))
    quality = args.quality or (qualities[0] if qualities else "psnr")
    if args.quality and quality not in qualities:
        raise UserError(f"--quality {quality}: no run has it; allowed: "
                        f"{', '.join(qualities) or 'none, since there is none'}")
    folder = expanded(args.out, "--out") if args.out else _beside(expanded(args.paths[0], "SWEEP_OR_RUN"))
    make_folder(folder, "--out")
    for run in found.runs:
        if run.status != "done":
            called = ", ".join(filter(None, (run.setting, run.variant, run.prompt, f"seed {run.seed}")))
            say(f"left out: {called} ({run.failure or run.status})")
    numbers = {setting: summary(part, baseline[setting], quality, args.levels) for setting, part in parts.items()}
    written = page.write(found, numbers, quality, folder)
    for setting, of_setting in numbers.items():
        for line in lines(parts[setting], of_setting):
            result(f"{setting + ': ' if setting else ''}{line}")
    for part, own in present(found):
        for line in part.lines(own):
            result(line)
    result(written)
    return 0


def _beside(path: Path) -> Path:
    """Where the report of a sweep or run lies by default; that of a sweep's file, in the sweep's folder."""
    from carv3d.report.study import folder_of_plan

    return (folder_of_plan(path) if path.suffix in (".yaml", ".yml") else path) / "report"

