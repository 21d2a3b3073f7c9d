"""What carv3d measure writes: report.json, CSV, and the table for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from carv3d.runtime.files import as_json, write_text
from carv3d.runtime.types import Record


def _write(folder: Path, report: Record) -> None:
    write_text(folder / "measure.json", as_json(report, 1) + "\n")
    text = io.StringIO()
    rows = list(csv_rows(report))
    if rows:
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        write_text(folder / "measure.csv", text.getvalue())


def csv_rows(report: Record) -> Iterator[Record]:
    """One row per state and kind of set: each number with its interval, and with R and rho beside."""
    nothing = dict.fromkeys(("value", "low", "high"))
    for state in report["states"]:
        shared = {"rho": state.get("components", {}).get("rho"), "r": state.get("cost", {}).get("r")}
        for entry in state.get("sets", ()):
            ecm = entry.get("ecm", {})
            numbers = {"within": entry["within"], "kappa": entry["kappa"], "re": entry["re"],
                       "ecm_baseline_b1": ecm.get("1"), "ecm_baseline_b2": ecm.get("2"),
                       **{f"ecm_alpha{alpha}": number for alpha, number in entry["ecm_alpha"].items()}, **shared}
            yield {"step": state["step"], **{key: entry[key] for key in ("proposal", "stratified", "noise", "k")},
                   **{name if part == "value" else f"{name}_{part}": value for name, number in numbers.items()
                      for part, value in (number or nothing).items()}}


def table(state: Record, named: dict[str, list]) -> list[str]:
    """Lines for one state: components, costs, kappa of all combinations, multipliers of the named ones."""
    lines = [f"== step {state['step']}, {state['width']}x{state['height']}, {state['cameras']} cameras x "
             f"{state['replicates']} replicates; [95 % intervals] =="]
    if "components" in state:
        lines.append("variance   " + "  ".join(f"{label} {_text(state['components'][name])}" for label, name in (
            ("S_B", "between"), ("S_T", "within_time"), ("S_N", "within_noise"), ("W", "within"), ("rho", "rho"))))
    if "cost" in state:
        lines.append("cost, ms   " + "  ".join(f"{label} {_text(state['cost'][name])}" for label, name in (
            ("c0", "c0_ms"), ("a", "a_ms"), ("b", "b_ms"), ("R = a/b", "r"))))
    for entry in state.get("camera_strata", ()):
        lines.append(f"camera strata at B={entry['items']}: between term x {_text(entry['kappa_cam'])}")
    for entry in state.get("scope", ()):
        lines.append(f"global over per-render strata at (B,K)=({entry['items']},{entry['k']}): "
                     f"within variance x {_text(entry['ratio'])}")
    if "sets" in state:
        lines += ["", *_kappas(state)]
    if "allocation" in state:
        lines += ["", *_multipliers(state, named)]
    return lines


def _kappas(state: Record) -> list[str]:
    cells: dict[tuple, dict[int, str]] = {}
    for entry in state["sets"]:
        how = entry["proposal"], "strata" if entry["stratified"] else "-", entry["noise"]
        cells.setdefault(how, {})[entry["k"]] = _text(entry["kappa"])
    lines = [("kappa", "", "") + tuple(f"K={k}" for k in state["k"])]
    lines += [how + tuple(row.get(k, "") for k in state["k"]) for how, row in sorted(cells.items())]
    return _aligned(lines)


def _multipliers(state: Record, named: dict[str, list]) -> list[str]:
    from carv3d.measure.summary import design_of

    sets = {(e["proposal"], e["stratified"], e["noise"], e["k"]): e for e in state["sets"]}
    rho, r = _text(state["components"]["rho"]), _text(state["cost"]["r"])
    lines: list[tuple[str, ...]] = [("multiplier", "best K", "K*", "kappa", "RE", "ECM over (1,1)", "ECM over (2,1)",
                                     "rho", "R")]
    for name, how in named.items():
        best = next(a for a in state["allocation"] if [a["proposal"], a["stratified"], a["noise"]] == list(how))
        k = round(best["best_k"]["value"])
        proposal, stratified, noise = how
        entry = sets[design_of((proposal, stratified, noise), k)]
        low, high = (round(best["best_k"][side]) for side in ("low", "high"))
        lines.append((name, f"{k} [{low}, {high}]", _text(best["k_star"]), _text(entry["kappa"]), _text(entry["re"]),
                      _text(entry["ecm"]["1"]), _text(entry["ecm"]["2"]), rho, r))
    return _aligned(lines)


def _text(number: dict[str, float | None]) -> str:
    value, low, high = ("inf" if x is None else f"{x:.3g}" for x in number.values())
    return f"{value} [{low}, {high}]"


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
