"""Images of a measurement, from its report alone: a panel per state of the scene, one file per question."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carv3d.measure.summary import design_of
from carv3d.runtime.figure_style import STYLES, _log_ticks
from carv3d.runtime.files import write_bytes
from carv3d.runtime.types import Record

COLUMNS = 3
Panel = Callable[[Axes, Record, dict[str, list]], None]


def draw(report: Record, folder: Path) -> list[Path]:
    """Every image that the report has the numbers for, as PNG; returns their paths."""
    panels: dict[str, tuple[str, Panel]] = {
        "variance_compute": ("allocation", variance_against_compute),
        "multiplier_k": ("allocation", multiplier_against_k),
        "relative_efficiency": ("sets", relative_efficiency), "multiplier_alpha": ("sets", simulated_costs),
        "strata_scope": ("scope", strata_scope), "norm_timestep": ("norms", norms_and_proposals)}
    made = []
    for name, (needs, panel) in panels.items():
        states = [state for state in report["states"] if state.get(needs)]
        if states:
            made.append(_figure(folder / f"{name}.png", states, panel, report["named"]))
    return made


def _figure(path: Path, states: list[Record], panel: Panel, named: dict[str, list]) -> Path:
    """One panel per state, their legend below all of them."""
    columns = min(len(states), COLUMNS)
    rows = -(-len(states) // columns)
    width = max(5.2 * columns, 6.4)
    figure = Figure(figsize=(width, 4.3 * rows + 0.9), layout="constrained")
    for i, state in enumerate(states):
        axes = figure.add_subplot(rows, columns, i + 1)
        axes.grid(True, which="major", color="#dddddd", linewidth=0.6)
        panel(axes, state, named)
        axes.set_title(_title(state), fontsize=9.5)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2 if width < 8 else 4, fontsize=8.5, frameon=False)
    content = io.BytesIO()
    figure.savefig(content, dpi=130, format="png")
    write_bytes(path, content.getbuffer())
    return path


def _title(state: Record) -> str:
    """Step and size, and the R and rho without which no multiplier means anything."""
    parts = [f"step {state['step']}, {state['width']}x{state['height']}"]
    for label, number in ((r"$\rho$", state.get("components", {}).get("rho")), ("R", state.get("cost", {}).get("r"))):
        if number and number["value"] is not None:
            parts.append(f"{label} = {number['value']:.2g} [{_short(number['low'])}, {_short(number['high'])}]")
    return ",  ".join(parts)


def _short(value: float | None) -> str:
    return "inf" if value is None else f"{value:.2g}"


def _entries(state: Record, how: list) -> list[Record]:
    """The sets of one combination, one per K."""
    found = {(e["proposal"], e["stratified"], e["noise"], e["k"]): e for e in state["sets"]}
    proposal, stratified, noise = how
    return [found[design_of((proposal, stratified, noise), k)] for k in state["k"]]


def _series(axes: Axes, x: list[float], numbers: list[dict[str, float]], style: dict, label: str,
            shift: float = 0) -> None:
    """Points with their intervals; ``shift`` moves a series sideways by a share of x, so that bars do not hide bars."""
    values, low, high = ([number[part] for number in numbers] for part in ("value", "low", "high"))
    below, above = ([abs(v - e) for v, e in zip(values, edge)] for edge in (low, high))
    axes.errorbar([v * (1 + shift) for v in x], values, [below, above], label=label, capsize=2, markersize=4.5,
                  linewidth=1.2, elinewidth=0.8, **style)


def _ks(axes: Axes, state: Record) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(state["k"], [str(k) for k in state["k"]])
    axes.minorticks_off()
    axes.set_xlabel("K, draws per render")


def variance_against_compute(axes: Axes, state: Record, named: dict[str, list]) -> None:
    """Variance of a step's gradient against its measured cost; points are (B, K), lines the theory of reuse."""
    between, within = (state["components"][name]["value"] for name in ("between", "within"))
    cost = state["cost"]
    ms = {(p["items"], p["k"]): p["ms"]["value"] for p in cost["points"]}
    c0, a, b = (cost[name]["value"] for name in ("c0_ms", "a_ms", "b_ms"))
    fine = [1 + (max(state["k"]) - 1) * i / 100 for i in range(101)]
    for items, dash in ((1, (0, (1, 1))), (2, (0, (4, 2)))):
        axes.plot([c0 + items * (a + b * k) for k in fine], [(between + within / k) / items for k in fine],
                  color="#888888", linestyle=dash, linewidth=1.4,
                  label=rf"theory, B = {items}: $(S_B + W/K)/B$ at $c_0 + B(a + bK)$")
    start = ms[1, 1], between + within
    span = [min(ms.values()), max(ms.values())]
    axes.plot(span, [start[0] * start[1] / x for x in span], color="#bbbbbb", linewidth=0.8, linestyle="-",
              label="equal variance x cost, through (1, 1)")
    shown = [name for name in named if name.split()[0] not in ("adaptive", "oracle")]
    for name in shown:
        style = STYLES[list(named).index(name)]
        for items in (1, 2):
            entries = _entries(state, named[name])
            points = [(ms[items, e["k"]], (between + e["within"]["value"]) / items) for e in entries]
            axes.plot(*zip(*points), markersize=5, linewidth=0.9, label=name if items == 1 else None, **style)  # type: ignore[arg-type]
            if name == shown[0]:
                for e, point in zip(entries, points):
                    axes.annotate(f"({items},{e['k']})", point, (3, 5), textcoords="offset points", fontsize=7.5)
    _log_ticks(axes)
    axes.set_xlabel("whole step, ms")
    axes.set_ylabel("variance of the step's gradient (trace)")


def multiplier_against_k(axes: Axes, state: Record, named: dict[str, list]) -> None:
    """Effective compute multiplier over the paper's baseline (2 renders, 1 draw)."""
    for i, (name, how) in enumerate(named.items()):
        entries = _entries(state, how)
        _series(axes, [e["k"] for e in entries], [e["ecm"]["2"] for e in entries], STYLES[i], name, 0.03 * (i - 3))
    axes.axhline(1, color="#888888", linewidth=0.8)
    _ks(axes, state)
    axes.set_ylabel("ECM: (1, K) over uniform (2, 1)")


def relative_efficiency(axes: Axes, state: Record, named: dict[str, list]) -> None:
    """Variance of uniform iid over the variant's at equal (B, K)."""
    for i, (name, how) in enumerate(named.items()):
        if i:
            entries = _entries(state, how)
            _series(axes, [e["k"] for e in entries], [e["re"] for e in entries], STYLES[i], name, 0.03 * (i - 3.5))
    axes.axhline(1, color="#888888", linewidth=0.8)
    _ks(axes, state)
    axes.set_ylabel("RE: variance, uniform iid over variant")


def simulated_costs(axes: Axes, state: Record, named: dict[str, list]) -> None:
    """The multiplier if a render cost alpha draws: reuse alone (open, no intervals), the full estimator."""
    reuse, *_ = named
    full = next(name for name in named if name.startswith("importance + strata + "))
    for name, look in ((reuse, dict(linestyle="--", markerfacecolor="white")), (full, {})):
        entries = _entries(state, named[name])
        for i, alpha in enumerate(entries[0]["ecm_alpha"]):
            numbers = [e["ecm_alpha"][alpha] for e in entries]
            style = {**STYLES[(0, 4, 2, 3)[i % 4]], "linestyle": "-", **look}
            label = rf"{name}, $\alpha$ = {alpha}"
            if name == reuse:
                axes.plot([e["k"] for e in entries], [n["value"] for n in numbers], label=label, linewidth=1.2,
                          markersize=4.5, **style)  # type: ignore[arg-type]
            else:
                _series(axes, [e["k"] for e in entries], numbers, style, label, 0.03 * (i - 1.5))
    axes.axhline(1, color="#888888", linewidth=0.8)
    _ks(axes, state)
    axes.set_ylabel(r"ECM at cost $\alpha$ per render, 1 per draw")


def strata_scope(axes: Axes, state: Record, named: dict[str, list]) -> None:
    """K strata for each render against as many strata over all renders of the batch."""
    x = [entry["k"] for entry in state["scope"]]
    items = state["scope"][0]["items"]
    _series(axes, x, [e["per_render"] for e in state["scope"]], STYLES[0], "K strata per render", -0.02)
    _series(axes, x, [e["global"] for e in state["scope"]], STYLES[4], "B K strata over the batch", 0.02)
    axes.axhline(1, color="#888888", linewidth=0.8)
    _ks(axes, state)
    axes.set_ylabel(rf"$\kappa$ = B K V / W at B = {items}, q = p, iid noise")


def norms_and_proposals(axes: Axes, state: Record, named: dict[str, list]) -> None:
    """Root mean square of ||f|| around each timestep, and each proposal over p; all relative to their mean under p."""
    norms = state["norms"]
    mean = sum(norms["rms"]) / len(norms["rms"])
    axes.plot(norms["timestep"], [value / mean for value in norms["rms"]], color="#999999", linewidth=3,
              label=r"RMS of $\|f\|$ in latents, over its mean")
    for style, (name, ratio) in zip((STYLES[0], STYLES[1], STYLES[6], STYLES[4]), norms["q_over_p"].items()):
        axes.plot(norms["timestep"], ratio, color=style["color"], linestyle=style["linestyle"], linewidth=1.4,
                  label=f"q / p, {name}")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("timestep t")
    axes.set_ylabel("relative to the mean under p")
