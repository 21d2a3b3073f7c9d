"""Folders of carv3d train made up for tests of its report."""

import json
from pathlib import Path

import imageio.v3 as iio
import numpy as np

from carv3d import config as configuration
from carv3d.sweep.ledger import CellLedger

ESTIMATORS = ["plain: estimator.k=1; estimator.importance_sampling=false; estimator.stratified=false; "
              "data.camera_strata=false", "all: estimator.k=4"]


def one_run(folder: Path, variant: str, prompt: str, seed: int, extra: list[str], video: bool = False) -> None:
    speed, step_ms = (2.0, 30.0) if variant == "all" else (1.0, 20.0)
    compared = variant == "plain" and seed == 0
    listed = [f"compare.estimators={json.dumps(ESTIMATORS)}", "compare.points=2"] if compared else []
    config = configuration.load(None, [f"prompt={prompt}", f"seed={seed}", "trainer.max_steps=40", *extra, *listed])
    (folder / "save").mkdir(parents=True)
    (folder / "config.yaml").write_text(configuration.dump(config))
    lines = []
    for step in range(1, 41):
        quality = {"psnr": 15 + 8 * (1 - np.exp(-speed * step / 15)) + seed, "mask_iou": 0.5}
        lines.append({"step": step, "quality": quality, "cost": {"seconds": step_ms * step / 1e3, "renders": 2 * step,
                                                                 "draws": 2 * step, "teacher_evals": 4 * step}})
    for step in (20, 40) if compared else ():
        numbers = {"signal": 1.0, "replicates": 8, "items": 2}
        lines.append({"step": step, "compare": {"plain": {"variance": 9.0, "step_ms": 20.0, "k": 1, **numbers},
                                                "all": {"variance": 2.0, "step_ms": 30.0, "k": 4, **numbers}}})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "summary.json").write_text(json.dumps({
        "status": "finished", "step": 40, "stopped_by": "trainer.max_steps", "quality": lines[39]["quality"],
        "ledger": {"renders": 80, "draws": 80, "teacher_evals": 160}, "seconds": {"train": step_ms * 0.04}}))
    (folder / "env.json").write_text(json.dumps({"carv3d": "0", "git_commit": "c" * 40, "packages": {"torch": "2"},
                                                 "cpu": "made-up <cpu>", "cpu_threads": 2}))
    iio.imwrite(folder / "save/preview.png", np.full((8, 8, 3), 90, np.uint8))
    if video:
        iio.imwrite(folder / "save/turntable.mp4", np.zeros((4, 32, 32, 3), np.uint8), fps=10, codec="libx264")


def study(tmp_path: Path) -> Path:
    """Two variants, two prompts, two seeds, and a cell that failed."""
    folder = tmp_path / "made_up"
    folder.mkdir()
    with CellLedger(folder / "ledger.sqlite") as ledger:
        cells = [(variant, prompt, seed) for variant in ("plain", "all") for prompt in ("a red mushroom", "a blue car")
                 for seed in (0, 1)]
        axes = [{"variant": v, "prompt": p, "seed": s} for v, p, s in [*cells, ("all", "a <b>", 7)]]
        ledger.add((f"id{i}", f"cell {i}", one, {}) for i, one in enumerate(axes))
        for i, (variant, prompt, seed) in enumerate(cells):
            one_run(folder / f"run{i}", variant, prompt, seed, [f"estimator.k={4 if variant == 'all' else 1}"],
                    video=i == 0)
            row, _ = ledger.claim({f"id{i}"}, lambda *_: True, 1)
            ledger.update(row["id"], run=f"run{i}", state="done", result={})
        ledger.claim({"id8"}, lambda *_: True, 1)
        ledger.update("id8", state="failed", failure="config", detail="no such thing")
    return folder
