"""Does the back look like the back? View words against none, single views against joint ones, on objects with a face.

usage: python scripts/eval_janus.py [--joint FOLDER] [--seeds 2] [--name janus] [--workers 1] [key=value ...]

Trains snowmen, cars and houses with data.views=8 and without view words (data.views=1, and the teacher not told its
azimuth either), and compares four views from behind (azimuths around 180 degrees) with the truth from behind and with
the truth from the front, and likewise four from the front. Without view words nothing tells the optimisation where the
front is, so its whole scene may be turned: the last column lets each run be turned about the vertical axis to where it
agrees best with the truth, and asks again. --joint: the same with a teacher of four views together, which is told
azimuths from the first of the four alone (configs/teacher/joint.yaml), and how much more often its views are right,
with 95 % intervals over prompts and seeds. "alone" is that very teacher where each view finds out by itself which way
the object faces. Markdown on stdout; finished runs of that --name are not run again.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import torch
from runs import Cell, parser, train

from carv3d.cameras import orbit
from carv3d.carv.effects import nested
from carv3d.diffusion.folder import TOGETHER
from carv3d.diffusion.weights import POSE
from carv3d.export.images import BACKGROUNDS, all_views
from carv3d.runs import checkpoint
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import write_text
from carv3d.runtime.progress import say
from carv3d.text3d import build
from carv3d.toybox import quality

PROMPTS = ("a white snowman", "a pink snowman", "a red car", "a yellow car", "a yellow house", "a white house")
OFFSETS_DEG = (-30.0, -10.0, 10.0, 30.0)
ELEVATION_DEG = 15.0
TURNS = 24


def pictures(prompt: str, unlit: bool, scene, device, azimuths: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Renders and truths from the same cameras on grey, each [N,64,64,3]."""
    cameras = orbit(azimuths, ELEVATION_DEG, 2.65, 40.0, 64, 64)
    grey = BACKGROUNDS["grey"]
    return all_views(scene, cameras, grey, device).rgb.cpu(), quality.views(prompt, cameras, grey, unlit).rgb


def judge(run) -> dict[str, float]:
    """Shares of views that are nearer to their own truth than to the opposite one."""
    config = run.config()
    (scene, *_), device, _ = build.trained_scenes(config, checkpoint.newest(run.ckpts))
    circle = [360.0 / TURNS * i for i in range(TURNS)]
    prompt, unlit = config.prompt, config.light.colour == "albedo"
    made, truth = pictures(prompt, unlit, scene, device, circle)
    apart = (made[:, None] - truth[None]).square().mean((2, 3, 4))  # [rendered azimuth, true azimuth]
    turn = min(range(TURNS), key=lambda s: apart.diag().mean() if s == 0 else apart[range(TURNS),
               [(i + s) % TURNS for i in range(TURNS)]].mean())
    out = {"turn": 360.0 / TURNS * turn}
    for name, centre in (("back", 180.0), ("front", 0.0)):
        for shift, label in ((0.0, name), (out["turn"], f"{name} turned")):
            own, _ = pictures(prompt, unlit, scene, device, [centre - shift + o for o in OFFSETS_DEG])
            _, right = pictures(prompt, unlit, scene, device, [centre + o for o in OFFSETS_DEG])
            _, wrong = pictures(prompt, unlit, scene, device, [centre + 180.0 + o for o in OFFSETS_DEG])
            nearer = (own - right).square().mean((1, 2, 3)) < (own - wrong).square().mean((1, 2, 3))
            out[label] = nearer.float().mean().item()
    return out


WORDS = {"eight": ("data.views=8",), "none": ("data.views=1", "teacher.told=[background,light]")}
JOINT = {"eight": ("data.views=8",), "none": ("data.views=1",)}


def main() -> int:
    known = parser(__doc__.splitlines()[0], "janus")
    known.add_argument("--joint", type=Path)
    args = known.parse_args()
    arms = {("single", words): ("data.batch_size=4", *options) for words, options in WORDS.items()}
    if args.joint:
        arms |= {("joint", words): ("data.batch_size=4", "teacher.type=toybox", f"teacher.path={args.joint}", *options)
                 for words, options in JOINT.items()}
        try:
            by_itself = alone(args.joint, args.exp_root_dir / f"{args.name}-alone-teacher")
        except UserError as error:
            say(f"error: {error}")
            return 2
        arms["alone", "none"] = ("data.batch_size=4", "teacher.type=toybox", f"teacher.path={by_itself}",
                                 *JOINT["none"])
    cells = {Cell(f"{args.name}-{views}-{words}", prompt, seed, (*options, *args.overrides)): (views, words)
             for (views, words), options in arms.items() for prompt in PROMPTS for seed in range(args.seeds)}
    try:
        runs = train(list(cells), args.exp_root_dir, args.workers)
    except UserError as error:
        say(f"error: {error}")
        return 2
    lines = ["| views | view words | prompt | seed | back is back | front is front | best turn, degrees "
             "| back is back, turned | front is front, turned |", "|---|---|---|---|---|---|---|---|---|"]
    found: dict[tuple[str, str], dict[tuple[str, int], dict[str, float]]] = {arm: {} for arm in arms}
    for cell, run in runs.items():
        found[cells[cell]][cell.prompt, cell.seed] = result = judge(run)
        lines.append(f"| {' | '.join(cells[cell])} | {cell.prompt} | {cell.seed} | {row(result)} |")
    for arm, results in found.items():
        mean = {key: sum(each[key] for each in results.values()) / len(results) for key in next(iter(results.values()))}
        lines.append(f"| **{arm[0]}** | **{arm[1]}** | all | | {row(mean)} |")
    pairs = [("single", "eight"), ("single", "none"), ("alone", "none")] if args.joint else []
    lines += ["", *(more(found, *pair) for pair in pairs)]
    print("\n".join(lines))
    return 0


def more(found: dict[tuple[str, str], dict[tuple[str, int], dict[str, float]]], other: str, words: str) -> str:
    """How many more of the eight views of a run are right, turned, with joint views than with others."""
    def right(result: dict[str, float]) -> float:
        return 50.0 * (result["back turned"] + result["front turned"])

    joint, less = found["joint", words], found[other, words]
    mean = nested({cell: right(joint[cell]) - right(less[cell]) for cell in joint})
    return (f"view words {words}: with joint views {mean.value:+.0f} points of a hundred more views right than with "
            f"{other} ones [{mean.low:.0f}, {mean.high:.0f}].  ")


def alone(joint: Path, to: Path) -> Path:
    """The teacher of several views as one of one."""
    if not (joint / POSE).is_file():
        raise UserError(f"--joint: {joint} given, which has no {POSE}; give the folder teacher/ that "
                        "scripts/train_teacher.py wrote with configs/teacher/joint.yaml")
    shutil.copytree(joint, to, dirs_exist_ok=True)
    index = json.loads((to / "model_index.json").read_text(encoding="utf-8"))
    write_text(to / "model_index.json", json.dumps({**index, TOGETHER: 1}, indent=2) + "\n")
    return to


def row(result: dict[str, float]) -> str:
    share = {key: f"{100 * value:.0f} %" for key, value in result.items()}
    return " | ".join([share["back"], share["front"], f"{result['turn']:.0f}", share["back turned"],
                       share["front turned"]])


if __name__ == "__main__":
    sys.exit(main())
