"""Compile the CUDA sources of gsplat and nerfacc without a GPU, to know which versions build with which CUDA.

usage: python scripts/compile_cuda.py [--package gsplat nerfacc] [--arch 80 90 120] [--torch FOLDER] [--python FOLDER]
                                      [--include FOLDER ...] [--nvcc PATH] [--jobs N] [--out FOLDER] [--link]

It needs nvcc and g++, and of PyTorch the headers alone: a CPU wheel carries them, CUDA's too. Every source file is
compiled with the flags that torch.utils.cpp_extension and the package's own build give it, for every architecture in
one pass; each file's end, seconds and first error are a line of OUT/compile.jsonl, and files that are done are not
compiled again.

--include: where the headers of cuBLAS, cuSPARSE and cuSOLVER lie, if not beside nvcc (the wheels nvidia-cublas,
nvidia-cusparse and nvidia-cusolver have them). --torch: the folder of another PyTorch's package (unpacked from its
wheel), --python: the folder with Python.h that belongs to it. --link: also link what was compiled into
OUT/PACKAGE/csrc.so, which both packages load in place of building themselves when it lies in their folder; this needs
the libraries of a CUDA wheel (--torch).

Exit status: 0 if everything compiled, 1 if not. docs/install.md says what was found with it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

HALVES = ["-D__CUDA_NO_HALF_OPERATORS__", "-D__CUDA_NO_HALF_CONVERSIONS__", "-D__CUDA_NO_BFLOAT16_CONVERSIONS__",
          "-D__CUDA_NO_HALF2_OPERATORS__", "--expt-relaxed-constexpr"]  # cpp_extension's COMMON_NVCC_FLAGS
OWN = {"gsplat": ["-use_fast_math"], "nerfacc": []}  # each package's own flags for nvcc, beside -O3


def folder_of(package: str) -> Path:
    """Where a package is installed; it is not imported, since that may compile it."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        sys.exit(f"{package} is not installed; pip install --no-deps {package}")
    return Path(found.submodule_search_locations[0])


def sources(package: str, root: Path) -> tuple[list[Path], list[Path]]:
    """Its source files, and its include folders."""
    cuda = root / "cuda"
    files = sorted([*cuda.glob("csrc/*.cu"), *cuda.glob("csrc/*.cpp"), *cuda.glob("ext.cpp")])
    return files, [cuda / "include", cuda / "csrc/third_party/glm"] if package == "gsplat" else []


def standard(torch: Path) -> str:
    """The C++ that this PyTorch compiles its extensions as, from its own cpp_extension."""
    found = re.findall(r"-std=(c\+\+\d+)'\]", (torch / "utils/cpp_extension.py").read_text(encoding="utf-8"))
    return found[0] if found else "c++17"


def command(source: Path, target: Path, package: str, includes: list[Path], args: argparse.Namespace) -> list[str]:
    """What compiles a file."""
    torch: Path = args.torch
    own = torch / "include/c10/cuda/impl/cuda_cmake_macros.h"
    defines = ["-DTORCH_EXTENSION_NAME=csrc", "-DTORCH_API_INCLUDE_EXTENSION_H",
               *([] if own.exists() else ["-DC10_CUDA_NO_CMAKE_CONFIGURE_FILE"])]  # a CPU wheel lacks that header
    folders = [*includes, torch / "include", torch / "include/torch/csrc/api/include", args.python, *args.include]
    common = [*defines, *(f"-I{folder}" for folder in folders), f"-std={standard(torch)}", "-O3"]
    if source.suffix == ".cu":
        targets = [f"-gencode=arch=compute_{arch},code=sm_{arch}" for arch in args.arch]
        return [args.nvcc, *common, *HALVES, *OWN[package], *targets, "--compiler-options", "-fPIC", "-c", str(source),
                "-o", str(target)]
    return ["g++", *common, f"-I{args.cuda}/include", "-fPIC", "-w", "-c", str(source), "-o", str(target)]


def first_error(text: str) -> str:
    lines = [line.strip() for line in text.splitlines()]
    return next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "")[:300]


def compile_one(package: str, source: Path, args: argparse.Namespace, includes: list[Path]) -> dict:
    target = args.out / package / f"{source.parent.name}-{source.name}.o"
    began = time.monotonic()
    half = target.with_suffix(".part.o")
    done = subprocess.run(command(source, half, package, includes, args), capture_output=True, text=True)
    if done.returncode == 0:
        half.rename(target)
    return {"package": package, "file": source.name, "ok": done.returncode == 0,
            "seconds": round(time.monotonic() - began, 1),
            **({"error": first_error(done.stderr + done.stdout)} if done.returncode else {})}


def link(package: str, args: argparse.Namespace) -> bool:
    """csrc.so of a package's object files."""
    objects, torch, runtime = sorted((args.out / package).glob("*.o")), args.torch / "lib", Path(args.cuda) / "lib64"
    flags = [f"-L{torch}", f"-L{runtime}", "-lc10", "-lc10_cuda", "-ltorch_cpu", "-ltorch_cuda", "-ltorch",
             "-ltorch_python", "-lcudart"]
    made = args.out / package / "csrc.so"
    done = subprocess.run(["g++", "-shared", "-Wl,-s", *map(str, objects), *flags, "-o", str(made)],
                          capture_output=True, text=True)
    print(f"{made}: {made.stat().st_size >> 20} MiB" if done.returncode == 0 else first_error(done.stderr), flush=True)
    return done.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", nargs="+", choices=tuple(OWN), default=list(OWN))
    parser.add_argument("--arch", nargs="+", default=["80", "90", "120"])
    parser.add_argument("--torch", type=Path, default=None)
    parser.add_argument("--python", type=Path, default=Path(sysconfig.get_paths()["include"]))
    parser.add_argument("--include", nargs="+", type=Path, default=[])
    parser.add_argument("--nvcc", default=shutil.which("nvcc"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("outputs/compile_cuda"))
    parser.add_argument("--link", action="store_true")
    args = parser.parse_args()
    if not args.nvcc:
        sys.exit("nvcc was not found; install CUDA's compiler, or give --nvcc")
    args.torch = args.torch or folder_of("torch")
    said = subprocess.run([args.nvcc, "--version"], capture_output=True, text=True).stdout
    args.cuda = str(Path(args.nvcc).resolve().parent.parent)
    if not (Path(args.cuda) / "include/cuda_runtime.h").exists():  # nvcc on the path may only call the real one
        args.cuda = "/usr/local/cuda"
    version = (args.torch / "version.py").read_text(encoding="utf-8")
    print(f"nvcc {re.findall(r'release ([0-9.]+)', said)[-1]}, torch {re.findall('[0-9.]+[+a-z0-9]*', version)[0]} "
          f"({standard(args.torch)}), sm_{', sm_'.join(args.arch)}", flush=True)
    ok = True
    for package in args.package:
        files, includes = sources(package, folder_of(package))
        (args.out / package).mkdir(parents=True, exist_ok=True)
        left = [f for f in files if not (args.out / package / f"{f.parent.name}-{f.name}.o").exists()]
        with ThreadPoolExecutor(args.jobs) as pool, open(args.out / "compile.jsonl", "a", encoding="utf-8") as log:
            for job in as_completed(pool.submit(compile_one, package, f, args, includes) for f in left):
                row = job.result()
                ok &= row["ok"]
                log.write(json.dumps(row) + "\n")
                log.flush()
                print("  ".join(str(value) for value in row.values()), flush=True)
        ok = ok and (not args.link or link(package, args))
    print("everything compiled" if ok else "not everything compiled")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
