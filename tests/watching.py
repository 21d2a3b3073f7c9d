"""An observer of a run made of functions: watching(log=..., checkpoint=...)."""

from carv3d.text3d.loop import Observer


def watching(**methods) -> Observer:
    watcher = Observer()
    for name, method in methods.items():
        assert hasattr(Observer, name), name
        setattr(watcher, name, method)
    return watcher
