"""What a report takes from a run's files: only what is of the kind it must be. A run may come from anywhere, so nothing
in it is taken for granted, and names are made printable before anybody shows them.
"""

from __future__ import annotations

import math

from carv3d.config.onestep import MAIN, SCORES
from carv3d.runtime.errors import one_line
from carv3d.runtime.types import Record

UNITS = ("seconds", "renders", "teacher_evals")
COMMANDS = ("train", "attribute", "distill")  # whose runs a report has something to say of
GROUPS = METHODS = 16  # of datamodelling scores, at most: no run has more
ROWS, FAR = 16, 1e15  # of a teacher's scores, at most; of what is known of a student
SPENT = ("step", "seconds", "outputs", "teacher_evals", "fake_evals")  # in a line of a student's metrics
FRESH = ("loss_fresh_fake", "loss_fresh_teacher")
MEASURED = ("variance", "signal", "step_ms", "items", "replicates")  # of a compared estimator
SPREADS = ("variance", "step_ms", "adam_variance", "memory_variance", "picture_variance")  # of these, what is above 0
ADAM = (  # in the space that Adam steps in, and in pictures: runs made before do not have them
    "adam_variance", "adam_signal", "memory_variance", "picture_variance", "picture_signal")


def number(value: object) -> float | int | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if abs(value) < 1e300 and math.isfinite(value) else None


def numbers(value: object) -> dict[str, float | int]:
    """The entries of a mapping that are finite numbers."""
    found = value.items() if isinstance(value, dict) else ()
    return {one_line(name): known for name, each in found if (known := number(each)) is not None}


def scores(value: object) -> Record:
    """Quality: numbers, truth values and text by name."""
    found = value.items() if isinstance(value, dict) else ()
    return {one_line(name): one_line(each) if isinstance(each, str) else each for name, each in found
            if isinstance(each, (str, bool)) or number(each) is not None}


def estimates(value: object, most: float) -> dict[str, tuple[float, float, float]]:
    """By name value, low and high, the entries whose value is within +-``most``; ends that are none are nan."""
    out = {}
    for name, each in list(value.items())[:METHODS] if isinstance(value, dict) else ():
        known = numbers(each)
        middle, low, high = (known.get(end, math.nan) for end in ("value", "low", "high"))
        if abs(middle) <= most:
            out[one_line(name)] = (middle, low, high) if low <= middle <= high else (middle, math.nan, math.nan)
    return out


def datamodelling(value: object) -> Record:
    """Linear datamodelling scores by group of queries: ``lds`` of each method, ``difference`` of the ranking method
    less it, and ``ceiling``, None where it is not known."""
    out = {}
    for group, known in list(value.items())[:GROUPS] if isinstance(value, dict) else ():
        if isinstance(known, dict) and (found := estimates(known.get("lds"), 1)):
            ceiling = number(known.get("ceiling"))
            out[one_line(group)] = {"lds": found, "difference": estimates(known.get("difference"), 2),
                                    "ceiling": ceiling if ceiling is not None and 0 <= ceiling <= 1 else None}
    return out


def distances(value: object) -> dict[str, float | int]:
    """What is known of a student, or of its teacher: those of ``SCORES`` that are numbers."""
    return {name: known for name, known in numbers(value).items() if name in SCORES and 0 <= known <= FAR}


def teachers(value: object) -> dict[str, dict[str, float | int]]:
    """A teacher's scores by how it was sampled."""
    found = list(value.items())[:ROWS] if isinstance(value, dict) else ()
    return {one_line(name): known for name, each in found if (known := distances(each))}


def learned(record: Record) -> dict[str, float | int] | None:
    """Cost, scores and losses in a line of a student's metrics; None where it is not such a line, or a damaged one."""
    known = numbers({name: record.get(name) for name in (*SPENT, *SCORES, *FRESH)})
    known = {name: value for name, value in known.items() if 0 <= value <= FAR}
    return known if set(SPENT) <= known.keys() and any(name in known for name in MAIN) else None


def command(environment: Record) -> str:
    """Of carv3d, that made the run; train where it is none that a report knows."""
    return found if (found := environment.get("command")) in COMMANDS else COMMANDS[0]


def summary(found: Record) -> Record:
    """A run's summary.json, without whatever in it is not what it should be."""
    texts = {name: one_line(found[name]) for name in ("status", "stopped_by", "reason")
             if isinstance(found.get(name), str)}
    counts = {name: int(known) if (known := number(found.get(name))) is not None else None
              for name in ("step", "outputs", "k")}
    return {**texts, **counts, "teacher": teachers(found.get("teacher")), "ledger": numbers(found.get("ledger")),
            "seconds": numbers(found.get("seconds")), "quality": scores(found.get("quality")),
            "lds": datamodelling(found.get("lds"))}


def point(record: Record) -> tuple[dict[str, float | int], Record] | None:
    """Cost and quality of a line of metrics; None where it is not such a line, or a damaged one."""
    cost = numbers(record.get("cost"))
    if "quality" not in record or not set(UNITS) <= cost.keys():
        return None
    return cost, scores(record["quality"])


def compared(record: Record) -> dict[str, Record] | None:
    """Of a line of compared estimators, by name what was measured; None for another or a damaged line.

    variance: trace of the covariance of a step's gradient; signal: squared norm of its expectation, unbiased, so that
    it may be negative. adam_variance, adam_signal: the same of the gradient over the square root of Adam's second
    moment; memory_variance: of the mean of successive steps' that Adam steps by, there;
    picture_variance, picture_signal: of what a step by that mean changes in rendered views.
    """
    given = record.get("compare")
    if not isinstance(given, dict) or not given:
        return None
    out = {}
    for name, values in given.items():
        known, k = numbers(values), values.get("k") if isinstance(values, dict) else None
        if not set(MEASURED) - {"items"} <= known.keys() or not isinstance(k, int) or k < 1:
            return None
        if any(values.get(each) is not None and each not in known for each in ADAM):
            return None
        if any(known.get(each, 1.0) <= 0 for each in SPREADS):
            return None
        out[name] = {"k": k, **known}
    return out


def environment(found: Record) -> Record:
    """What env.json says, as text; torch's version beside the others."""
    keys = ("carv3d", "git_commit", "python", "device", "gpu", "cpu", "cpu_threads", "backends")
    packages = found.get("packages")
    torch = packages.get("torch") if isinstance(packages, dict) else None
    texts = {**{key: found.get(key) for key in keys}, "torch": torch}
    return {key: one_line(str(value)) for key, value in texts.items() if isinstance(value, (str, int, float))}
