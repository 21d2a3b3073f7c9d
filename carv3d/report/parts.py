"""The parts of a report that are of other commands than carv3d train, one of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from carv3d.report import attribution, distillation
from carv3d.report.study import Study


@dataclass(frozen=True)
class Part:
    """counted, clock: of the runs' ledger, and of their seconds, what is theirs. section: its pages' part, which writes
    its figures into a folder. lines: for the command line. flat: head and lines of the CSV ``file``."""

    title: str
    file: str
    counted: tuple[str, ...]
    clock: str
    section: Callable[[Study, Path], list[str]]
    lines: Callable[[Study], Iterator[str]]
    flat: Callable[[Study], tuple[Sequence[str], Iterable[Sequence[object]]]]


PARTS = {  # command -> part
    "attribute": Part("Attribution", "attribution.csv", attribution.COUNTED, "score", attribution.section,
                      attribution.lines, lambda study: (attribution.CSV_HEAD, attribution.flat(study))),
    "distill": Part("Distillation", "distillation.csv", distillation.COUNTED, "train", distillation.section,
                    distillation.lines, distillation.flat)}


def present(study: Study) -> list[tuple[Part, Study]]:
    """Those of which the study has runs, with these."""
    return [(part, own) for command, part in PARTS.items() if (own := study.of(command)).runs]
