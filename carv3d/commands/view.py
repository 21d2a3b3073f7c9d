"""carv3d view: a run to turn in a browser, or many runs on one page."""

from __future__ import annotations

import os
import sys
import webbrowser
from argparse import Namespace
from pathlib import Path

from carv3d.report.gallery import Site
from carv3d.report.serving import Server, is_loopback
from carv3d.runs.folder import Run
from carv3d.runs.shown import PAGE, step_of
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import expanded
from carv3d.runtime.progress import result, say


def main(args: Namespace) -> int:
    if args.json:
        raise UserError("--json: carv3d view serves until Ctrl-C and has no end to tell of; leave it out")
    if args.live:
        return _live(args)
    site = Site(_folder(args.path), page_of)
    if site.single:
        result(page_of(Run.open(site.root)))
    elif not site.runs():
        raise UserError(f"RUN_OR_SWEEP: {args.path} holds no runs of carv3d train; give a run's folder, a sweep's, or "
                        "one that holds such folders, as outputs")
    with Server(args.host, args.port, site) as server:
        _announce(args, server.url + site.first())
        server.serve_forever()
    return 0


def _live(args: Namespace) -> int:
    """A run drawn here for whoever looks, from its newest checkpoint or the one named."""
    from carv3d.commands.live import guard, viewer
    from carv3d.commands.live.stage import Stage
    from carv3d.runs import checkpoint
    from carv3d.text3d import build

    guard.check(args.host, args.port)
    run = Run.open(args.path)
    config = run.config()
    scenes, device, step = build.trained_scenes(config, checkpoint.named(args.path, run.ckpts))
    build.set_up_kernels(config, say)
    server, url = guard.open_server(args.host, args.port)
    try:
        _announce(args, url)
        viewer.show(run, config, Stage.of(server, scenes, device, config), step)
    finally:
        guard.close(server)
    return 0


def _announce(args: Namespace, url: str) -> None:
    """The address, on stdout, and in a browser where there is one."""
    result(url)
    if not is_loopback(args.host):
        say("whoever has this address sees these runs; it is another one each time")
    say("Ctrl-C ends it")
    if not args.no_browser and _has_screen():
        webbrowser.open(url)


def _folder(given: str) -> Path:
    """A run's folder, also where one of its files is named, or that of several."""
    path = expanded(given, "RUN_OR_SWEEP")
    if path.is_dir() and not (path / "config.yaml").is_file() and not (path.parent / "config.yaml").is_file():
        return path
    if path.exists():
        return Run.open(path).folder
    raise UserError(f"RUN_OR_SWEEP: {path} does not exist; give a run's folder, a sweep's, or one that holds such "
                    "folders, as outputs")


def page_of(run: Run) -> Path:
    """A run's page, made from its newest checkpoint where it is missing or shows an earlier step. UserError where there
    is neither."""
    from carv3d.runs import checkpoint

    path, found = run.save / PAGE, checkpoint.listing(run.ckpts)
    step = checkpoint.step_of(checkpoint.newest(run.ckpts)) if found else None
    if path.is_file() and (step is None or step_of(path) == step):
        return path
    from carv3d.text3d import build, viewing

    config = run.config()
    scenes, device, step = build.trained_scenes(config, checkpoint.newest(run.ckpts))
    build.set_up_kernels(config, say)
    return viewing.of_scenes(run, config, scenes, device, step)


def _has_screen() -> bool:
    """Whether a browser has somewhere to open; else some systems start one in the terminal."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
