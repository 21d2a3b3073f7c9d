"""Say which build of PyTorch pip is about to install, and how large the download is.

usage: python scripts/torch_build.py REQUIREMENT [pip options]
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path


def size_bytes(url: str) -> int:
    """Size of a file named by an URL; 0 where nobody tells."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "file":
        return Path(urllib.request.url2pathname(parts.path)).stat().st_size
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=20) as answer:
            return int(answer.headers.get("Content-Length", 0))
    except (OSError, ValueError):
        return 0


def main(requirement: str, *options: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--dry-run",
                   "--only-binary=:all:", "--report", str(report), *options, requirement]
        if subprocess.run(command).returncode:
            print("pip cannot find a PyTorch that fits; see pytorch.org's install selector and set CARV3D_TORCH_INDEX")
            return 1
        items = json.loads(report.read_text(encoding="utf-8"))["install"]
    version = next((i["metadata"]["version"] for i in items if i["metadata"]["name"] == "torch"), None)
    if version is None:
        print("PyTorch is installed already")
        return 0
    sizes = [size_bytes(item["download_info"]["url"]) for item in items]
    cuda = [i for i in items if re.match(r"(nvidia|cuda)[-_]", i["metadata"]["name"])]
    kind = f"with {len(cuda)} CUDA packages" if cuda else "a CPU build" if "cpu" in version else "no CUDA packages"
    unknown = f", {sizes.count(0)} of unknown size" if 0 in sizes else ""
    print(f"PyTorch {version} ({kind}): {len(items)} packages, {sum(sizes) / 2**20:.0f} MiB to download{unknown}")
    if cuda:
        print("Without an NVIDIA GPU the CPU build is far smaller: see pytorch.org's install selector and set "
              "CARV3D_TORCH_INDEX")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
