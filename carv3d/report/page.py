"""The report as one HTML page that needs nothing beside it: figures and videos are inside, no network, no library."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from carv3d.report import figures, markup, reading
from carv3d.report.figures import UNIT_NAMES, WHAT
from carv3d.report.markup import Html, data, table, text, words
from carv3d.report.multipliers import SHARE, Number, plain
from carv3d.report.parts import present
from carv3d.report.reading import UNITS
from carv3d.report.study import RunOf, Study, Way, environment
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import read_bytes, write_text
from carv3d.runtime.types import Record

VIDEO_PROMPTS = 3  # rows of videos, at most
COUNTED = ("renders", "draws", "teacher_evals")
LARGEST = 64 << 20  # bytes of a video or picture that comes into the page

def write(study: Study, summaries: dict[str, Record], baseline: dict[str, str], quality: str, folder: Path) -> Path:
    """index.html, the figures as PNG and the numbers as CSV into ``folder``; returns the page's path.

    summaries: setting -> its numbers, as ``multipliers.summary`` gives them. baseline: setting -> a variant's name.
    Both of runs of carv3d train alone.
    """
    trained, others = study.of(reading.COMMANDS[0]), present(study)
    _write_csvs(study, summaries, folder)
    body = [f"<h1>{text(study.title)}</h1>", _facts(study)]
    for setting, within in trained.by_setting().items():
        body += [f"<h1 class=\"setting\">{text(setting)}</h1>"] if setting else []
        body += _section(within, summaries[setting], baseline[setting], quality, folder,
                         f"{_slug(setting)}_" if setting else "")
    body += ["<h2>All runs</h2>", _cells(trained, quality)] if trained.runs else []
    for part, own in others:
        body += [f"<h1 class=\"setting\">{text(part.title)}</h1>"] * bool(trained.runs or len(others) > 1)
        body += part.section(own, folder)
    page = markup.page(study.title, "carv3d report", filter(None, body))
    write_text(folder / "index.html", page)
    return folder / "index.html"


def _section(study: Study, summary: Record, baseline: str, quality: str, folder: Path,
             prefix: str) -> list[str]:
    """What one setting has shown. prefix: of its figures' names."""
    with figures.names_as_they_are():
        images = _figures(study, summary, baseline, quality, folder, prefix)
    drawn = [images[name] for kind in ("curve", "reach") for unit in UNITS if (name := f"{kind}_{unit}") in images]
    return [
        _headline(summary, baseline, quality),
        "<h2>Multipliers</h2>", _multiplier_table(summary, baseline), images.get("multipliers", ""),
        _explained(study, summary, baseline),
        *(["<h2>Quality at equal cost</h2>", *drawn, *_equal_tables(summary, baseline)] if drawn else []),
        *(["<h2>Along the run</h2>", images["along"]] if "along" in images else []),
        *(["<h2>What each part brings</h2>", images["decomposition"]] if "decomposition" in images else []),
        _shots(study)]


def _slug(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9.]+", "_", text).strip("_")


def _marked(number: Number | None) -> Html:
    value, space, interval = plain(number).partition(" ")
    return Html(text(value) + (f" <span class=\"ci\">{text(interval)}</span>" if interval else ""))


# --- words ------------------------------------------------------------------------------------------------------------

def _facts(study: Study) -> str:
    done = sum(run.status == "done" for run in study.runs)
    known = environment(study)
    parts = [f"{done} of {len(study.runs)} runs done"]
    counts = {"prompt": len(study.of(reading.COMMANDS[0]).prompts), "seed": len({run.seed for run in study.runs})}
    parts += [f"{count} {what}{'s' * (count > 1)}" for what, count in counts.items() if count]
    parts += [f"{name.replace('_', ' ')} {value}" for name, value in known.items() if value and name != "git_commit"]
    commits = [commit[:12] for commit in known.get("git_commit", "").split(" | ") if commit]
    parts += [f"commit {' | '.join(commits)}"] * bool(commits)
    return f"<p class=\"quiet\">{text('; '.join(parts))}.</p>"


def _headline(summary: Record, baseline: str, quality: str) -> str:
    """The best estimators in both senses, and out of how many: the best of many is flattered."""
    said = []
    rows = [row for row in summary["rows"] if row["name"] != baseline]
    measured = [row for row in rows if row["work"]]
    if best := max(measured, key=lambda row: row["work"].value, default=None):
        said.append(f"By variance, <b>{text(best['name'])}</b>'s compute is worth <b>{text(plain(best['work']))}</b> "
                    f"of {text(baseline)}'s{_of(measured)}.")
    for unit in UNITS[:2]:
        reached = [row for row in rows if row["reach"].get(unit)]
        if best := max(reached, key=lambda row: row["reach"][unit][0].value, default=None):
            number, goal = best["reach"][unit]
            said.append(f"To the {text(quality.upper())} of {goal:.2f} that {text(baseline)} has at {SHARE:.0%} of "
                        f"its budget, counted in {UNIT_NAMES[unit]}, <b>{text(best['name'])}</b>'s compute is worth "
                        f"<b>{text(plain(number))}</b> of {text(baseline)}'s{_of(reached)}.")
    return f"<p>{' '.join(said)}</p>" if said else ""


def _of(rows: list[Record]) -> str:
    return f", the best of {len(rows)}" if len(rows) > 1 else ""


def _explained(study: Study, summary: Record, baseline: str) -> str:
    lines = [
        "Intervals are 95 %, by bootstrap over prompts, with seeds (for variance, states) drawn within; none is given "
        "for a single prompt.",
        f"<b>Variance</b>: trace of the covariance of the step's gradient in the scene's parameters, times the cost of "
        f"the whole step; {text(baseline)} over the other, both on the same states of {text(baseline)}'s runs (their "
        "geometric mean). It says what precision costs, and nothing of how the scene looks.",
        f"<b>To quality</b>: the cost at which {text(baseline)}'s mean curve first has the quality that it has at "
        f"{SHARE:.0%} of its budget, over the cost at which the other's has it. A value with &lt; never got there and "
        "is an upper bound; one with &gt; was there at its first point and is a lower one.",
        "<b>R</b> is the cost of a render, its encoding and its backward over that of a teacher draw; <b>rho</b> the "
        "variance of a draw within a render over that between renders. A step's fixed cost is told from a render's "
        "where batches of two sizes were compared, and else counts to R. Reuse alone brings at most 1 + rho."]
    if summary["priced"]:
        lines.append("Several trainers shared this machine, so their own seconds do not compare: here a run's seconds "
                     "are its steps times the median cost of its variant's step, measured in turn with all others.")
    elif study.shared_machine:
        lines.append("Several trainers shared this machine, and no cost of a step was compared: seconds are the runs' "
                     "own, and do not compare strictly.")
    elif any(run.curve for run in study.runs):
        lines.append("One trainer ran at a time; seconds are the runs' own, of training alone.")
    return "<ul class=\"quiet\">" + "".join(f"<li>{line}</li>" for line in lines) + "</ul>"


# --- tables -----------------------------------------------------------------------------------------------------------

def _way(way: Way | None, ks: list[int]) -> str:
    if way is None:
        return ""
    parts = [f"B {way.views}", "K " + "/".join(map(str, ks))]
    kind = {"off": "", "adaptive": "importance"}.get(way.importance, f"importance ({way.importance})")
    parts += [kind] * bool(kind)
    parts += ["strata"] * way.stratified + [way.noise.replace("_", "-")] * (way.noise != "iid")
    return ", ".join(parts + ["camera strata"] * way.cameras)


def _component(value: float | None) -> str:
    return "–" if value is None else "∞" if math.isinf(value) else f"{value:.2f}"


def _multiplier_table(summary: Record, baseline: str) -> str:
    head = ["", Html("effective compute<br>by variance"),
            *(Html(f"to quality,<br>in {UNIT_NAMES[unit]}") for unit in UNITS),
            "R", "rho", "variance", "step cost", Html("<th class=\"text\">draws</th>")]
    rows = []
    for row in summary["rows"]:
        own = row["name"] == baseline
        work, *parts = ["1"] * 3 if own else [_marked(row[name]) for name in ("work", "variance", "cost")]
        reach = ["1" if own else _marked(row["reach"][unit][0] if row["reach"][unit] else None) for unit in UNITS]
        rows.append([Html(f"<b>{text(row['name'])}</b>" + (" (baseline)" if own else "")),
                     work, *reach, _component(summary["r"]), _component(summary["rho"]), *parts,
                     words(_way(row["way"], row["k"]))])
    return table(head, rows, "id=\"multipliers\"") + (
        "<p class=\"quiet\">Variance: how many times less than the baseline's; step cost: how many times its; the "
        "others: how many times the baseline's compute is worth.</p>")


def _equal_tables(summary: Record, baseline: str) -> Iterable[str]:
    for unit, shares in summary["equal"].items():
        head = [f"{UNIT_NAMES[unit]}, share of {baseline}'s budget", "25 %", "50 %", "75 %", "100 %"]
        yield table(head, [[name, *("–" if math.isnan(v) else f"{v:.2f}" for v in values)]
                           for name, values in shares.items()])


def _cells(study: Study, quality: str) -> str:
    first = ["setting"] if len(study.by_setting()) > 1 else []
    head = [*first, "variant", "prompt", "seed", "state", "steps", *COUNTED, "seconds", quality, "run"]
    rows = []
    for run in study.runs:
        score, ledger = reading.number((run.summary.get("quality") or {}).get(quality)), run.summary.get("ledger") or {}
        seconds = (run.summary.get("seconds") or {}).get("train")
        rows.append([*(getattr(run, name) for name in (*first, "variant")), words(run.prompt), run.seed,
                     words(run.status + (f" ({run.failure})" if run.failure else "")),
                     run.summary.get("step") or "", *(ledger.get(name, "") for name in COUNTED),
                     "" if seconds is None else f"{seconds:.1f}", "" if score is None else f"{score:.2f}",
                     words(run.folder.name if run.folder else "")])
    return table([Html(f"<button>{text(name)}</button>") for name in head], rows, "class=\"sortable\" id=\"cells\"")


# --- images ---------------------------------------------------------------------------------------------------------

def _figures(study: Study, summary: Record, baseline: str, quality: str, folder: Path,
             prefix: str) -> dict[str, str]:
    """Name -> the figure as HTML; each is written as PNG too."""
    made: dict[str, tuple[Figure, str]] = {}
    if any(row["work"] or any(row["reach"].values()) for row in summary["rows"] if row["name"] != baseline):
        made["multipliers"] = figures.multipliers(summary, baseline), (
            "Points with their 95 % intervals; an arrow is a bound. Right of 1 is better than the baseline.")
    for unit, every in summary["curves"].items():
        if every:
            made[f"curve_{unit}"] = figures.curves(summary, unit, quality, baseline), (
                f"Mean over prompts and seeds against {UNIT_NAMES[unit]}; bands reach from the lowest seed's mean over "
                "prompts to the highest's.")
    for unit in UNITS[:2]:
        if (figure := figures.by_quality(summary, unit, quality, baseline)) is not None:
            made[f"reach_{unit}"] = figure, (
                f"How many times fewer {UNIT_NAMES[unit]} a variant needs, by the quality to reach; a line ends where "
                f"{baseline} or the variant never gets. The dashed level is that of the table. Bands: 95 %, pointwise.")
    if (figure := figures.along(study, summary, baseline)) is not None:
        made["along"] = figure, "Effective compute by variance, by the state of the scene; bars are 95 % intervals."
    if (figure := figures.decomposition(summary["pairs"])) is not None:
        made["decomposition"] = figure, ("Every pair of estimators that differ in one thing alone: " + ", ".join(
            WHAT[what] for what in dict.fromkeys(p[0] for p in summary["pairs"])) + ". 95 % intervals.")
    out: dict[str, str] = {}
    for name, (figure, caption) in made.items():
        svg = figures.save(figure, folder / f"{prefix}{name}.png")
        out[name] = markup.figure(svg, caption)
    return out


def _shots(study: Study) -> str:
    """Per prompt, the first seed's scene of each variant: its video, or its images where there is no video."""
    out: list[str] = []
    for prompt in study.prompts:
        runs: dict[str, RunOf] = {}
        for run in study.runs:
            if run.prompt == prompt and run.status == "done" and run.folder and _shot(run):
                runs.setdefault(run.variant, run)
        if runs and len(out) < VIDEO_PROMPTS:
            out.append(f"<h3>{text(prompt)}</h3><div class=\"shots\">" + "".join(
                f"<figure>{_shot(run)}<figcaption>{text(run.variant)}: {text(_spent(run))}</figcaption></figure>"
                for run in runs.values()) + "</div>")
    head = "<h2>Side by side</h2><p class=\"quiet\">The first seed, at the end of each run, with what it had cost.</p>"
    return head + "".join(out) if out else ""


def _shot(run: RunOf) -> str:
    if run.folder is None:
        return ""
    name = text(f"{run.variant}, {run.prompt}")
    if video := _small(run.folder / "save" / "turntable.mp4"):
        return (f"<video autoplay loop muted playsinline controls aria-label=\"{name}\" "
                f"src=\"{data('video/mp4', video)}\"></video>")
    preview = _small(run.folder / "save" / "preview.png")
    return f"<img alt=\"{name}\" src=\"{data('image/png', preview)}\">" if preview else ""


def _small(path: Path) -> bytes:
    """A file's content; none where there is no file, it cannot be read, or no page should hold it."""
    try:
        return read_bytes(path) if path.is_file() and path.stat().st_size <= LARGEST else b""
    except (OSError, UserError):
        return b""


def _spent(run: RunOf) -> str:
    ledger, seconds = run.summary.get("ledger") or {}, (run.summary.get("seconds") or {}).get("train")
    psnr = reading.number((run.summary.get("quality") or {}).get("psnr"))
    parts = [] if psnr is None else [f"{psnr:.1f} dB"]
    parts.append(f"{run.summary.get('step')} steps")
    parts += [] if seconds is None else [f"{seconds:.0f} s"]
    return ", ".join([*parts, *(f"{ledger[n]} {n.replace('_', ' ')}" for n in COUNTED[:1] if n in ledger)])


# --- CSV --------------------------------------------------------------------------------------------------------------

def _csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    write_text(path, out.getvalue())


def _write_csvs(study: Study, summaries: dict[str, Record], folder: Path) -> None:
    """runs.csv; of training, multipliers.csv and pairs.csv, and curves.csv and states.csv, from which all else follows;
    of every other command, one of its own."""
    trained = study.of(reading.COMMANDS[0])
    _csv(folder / "runs.csv", *_runs(study, trained))
    if trained.runs:
        _write_training(trained, summaries, folder)
    for part, own in present(study):
        _csv(folder / part.file, *part.flat(own))


def _runs(study: Study, trained: Study) -> tuple[list[str], list[list[object]]]:
    """Head and rows of runs.csv, with the counts of those commands whose runs there are."""
    others = present(study)
    runs = [*trained.runs, *(run for _, own in others for run in own.runs)]
    kinds = [(COUNTED, "train")] * bool(trained.runs) + [(part.counted, part.clock) for part, _ in others]
    counts = list(dict.fromkeys(name for names, _ in kinds for name in names))
    clocks = list(dict.fromkeys(clock for _, clock in kinds))
    names = list(dict.fromkeys(name for run in runs for name in (run.summary.get("quality") or {})))
    own, ended = ["id", "setting", "variant", "prompt", "seed", "status", "failure", "workers"], ["step", "stopped_by"]
    return [*own, *ended, *counts, *(f"{clock}_s" for clock in clocks), *names], [
        [*(getattr(run, name) for name in own), *map(run.summary.get, ended),
         *((run.summary.get("ledger") or {}).get(n) for n in counts),
         *((run.summary.get("seconds") or {}).get(clock) for clock in clocks),
         *((run.summary.get("quality") or {}).get(n) for n in names)] for run in runs]


def _write_training(study: Study, summaries: dict[str, Record], folder: Path) -> None:
    fields = ("value", "low", "high", "bound")

    def flat(number: Number | None) -> list[object]:
        return ["" if number is None else getattr(number, name) for name in fields]

    kinds = ("variance", "cost", "work")
    _csv(folder / "multipliers.csv", ["setting", "name", "draws", *(f"{kind}_{f}" for kind in kinds for f in fields), *(
        f"{unit}_{f}" for unit in UNITS for f in (*fields, "quality")), "r", "rho"], (
        [setting, row["name"], _way(row["way"], row["k"]), *(x for kind in kinds for x in flat(row[kind])),
         *(x for unit in UNITS for x in ([*flat(row["reach"][unit][0]), row["reach"][unit][1]] if row["reach"][unit]
                                         else [""] * 5)), summary["r"], summary["rho"]]
        for setting, summary in summaries.items() for row in summary["rows"]))
    _csv(folder / "pairs.csv", ["setting", "what", "without", "with", *fields],
         ([setting, what, a, b, *flat(number)] for setting, summary in summaries.items()
          for what, a, b, number in summary["pairs"]))
    scores = list(dict.fromkeys(name for run in study.runs for point in run.curve for name in point.quality))
    _csv(folder / "curves.csv", ["id", "setting", "variant", "prompt", "seed", "step", *UNITS, *scores],
         ([run.id, run.setting, run.variant, run.prompt, run.seed, point.step, *(point.cost[unit] for unit in UNITS),
           *(point.quality.get(name) for name in scores)] for run in study.runs for point in run.curve))
    _csv(folder / "states.csv",
         ["id", "prompt", "step", "estimator", "draws", "replicates", "variance", "signal", "step_ms"],
         ([state.cell, state.prompt, state.step, name, _way(state.ways[name], [state.ways[name].k]), n["replicates"],
           n["variance"], n["signal"], n["step_ms"]] for state in study.states for name, n in state.by_name.items()))
