"""Names for what is open on purpose: data whose form a file decides, not the code."""

from __future__ import annotations

from typing import Any, TypeAlias

Value: TypeAlias = Any  # what YAML or JSON can hold
Record: TypeAlias = dict[str, Any]  # a JSON object: a line of metrics, a summary, a row of a report
State: TypeAlias = dict[str, Any]  # what a checkpoint keeps of something: tensors, numbers, text, nested
