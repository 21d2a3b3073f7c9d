"""Stands in for ``carv3d train`` in the tests of sweeps: counts to twenty, with a chain of hashes for a state.

What goes wrong with the cell of a seed is in the variable STUB, {seed: fault}. A second trainer on one cell is entered
in ``violations``. ``starts-<seed>`` has a line for each: process, chunk, threads, step to go on from.
"""

import fcntl
import hashlib
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

STEPS, EVERY, STEP_S = 20, 4, float(os.environ.get("STUB_STEP_S", 0.03))
LEDGER = {"renders": 0, "encodes": 0, "draws": 0, "teacher_evals": 0, "lora_draws": 0, "nonfinite_steps": 0}


def replace(path: Path, content: object) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(content))
    temporary.replace(path)


def main() -> int:
    words = dict(word.split("=", 1) for word in sys.argv[2:] if "=" in word)
    if sys.argv[2] == "--resume":
        folder = Path(sys.argv[3])
        config = (folder / "config.yaml").read_text()
    else:
        config = Path(sys.argv[sys.argv.index("--config") + 1]).read_text()
        folder = Path(words["exp_root_dir"]) / words["name"] / f"{words['tag']}@{time.strftime('%Y%m%d-%H%M%S')}"
    seed = re.search(r"^seed: (\d+)", config, re.M)[1]
    fault = json.loads(os.environ.get("STUB", "{}")).get(seed, "")
    home = folder.parent.parent
    guard = open(home / f"guard-{seed}", "w")
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        (home / "violations").write_text(seed)
        return 1
    saved = folder / "state.json"
    resumed = saved.exists()
    step, state = json.loads(saved.read_text()) if resumed else (0, seed)
    with open(home / f"starts-{seed}", "a") as starts:
        threads = os.environ.get("OMP_NUM_THREADS", "")
        starts.write(f"{os.getpid()} {words.get('estimator.chunk', '')} {threads} {step}\n")
    if fault == "config" or fault == "config once" and not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(config)
        print("carv3d: error: prompt: no such thing; give another", file=sys.stderr)
        return 2
    if fault == "memory" or fault == "memory once" and "estimator.chunk" not in words:
        print("Traceback\ntorch.OutOfMemoryError: CUDA out of memory.", file=sys.stderr)
        return 1
    if fault == "crash":
        print("Traceback\nZeroDivisionError: division by zero", file=sys.stderr)
        return 1
    stop = []
    signal.signal(signal.SIGINT, lambda *_: fault != "stubborn" and stop.append(1))
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "config.yaml").exists():
        temporary = folder / ".config"
        temporary.write_text(config)
        temporary.replace(folder / "config.yaml")
    while step < STEPS and not stop:
        state = hashlib.sha256(state.encode()).hexdigest()
        step += 1
        time.sleep(3600 if fault == "stubborn" else STEP_S)
        if step % EVERY == 0:
            replace(saved, (step, state))
        if fault == "killed once" and not resumed and step == EVERY + 1:
            os.kill(os.getpid(), signal.SIGKILL)
    replace(saved, (step, state))
    replace(folder / "summary.json", {
        "status": "interrupted" if stop else "finished", "step": step, "stopped_by": "trainer.max_steps",
        "ledger": {**LEDGER, "renders": 2 * step}, "seconds": {"train": 1.0},
        "quality": {"psnr": 10.0, "state": state}})
    return 130 if stop else 0


sys.exit(main())
