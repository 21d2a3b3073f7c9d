"""A script as a module, one in each process: dataclasses look their module up, and OmegaConf compares classes."""

import importlib.util
import sys
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).parent.parent


@lru_cache(maxsize=None)
def script(name: str):
    spec = importlib.util.spec_from_file_location(f"{name} for teachers from a base", ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
