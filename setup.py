"""Packaging of carv3d. Everything installs from wheels; nothing is compiled."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = next(line.split('"')[1] for line in (HERE / "carv3d/__init__.py").read_text(encoding="utf-8").splitlines()
               if line.startswith("__version__"))

setup(
    name="carv3d",
    version=VERSION,
    description="Text to 3D by score distillation with a compute-aware, variance-reduced teacher gradient (CARV)",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=["carv3d", "carv3d.*"]),
    package_data={"carv3d": ["bundled/*", "bundled/*/*"],
                  "carv3d.toybox": ["prompts/*.txt", "flow/*", "flow/*/*"],
                  "carv3d.export": ["viewer/*"],
                  "carv3d.attribution": ["*.safetensors"]},
    install_requires=[
        "torch>=2.11,<2.14",
        "numpy>=1.26",
        "omegaconf>=2.3",
        "pyyaml>=6",
        "imageio[ffmpeg]>=2.34",
        "nerfacc>=0.5.3",
        "numba>=0.61",
        "diffusers>=0.35",
        "transformers>=4.56",
        "safetensors>=0.5",
        "peft>=0.15",
        "rich>=13",
        "matplotlib>=3.8",
        "scipy>=1.12",
        "scikit-learn>=1.4",
        "scikit-image>=0.24",
        "trimesh>=4.5",
        "pillow>=10",
        "xatlas>=0.0.9",
        "fast-simplification>=0.1.7",
        "plyfile>=1.0",
        "openvino>=2025.2; platform_machine in 'x86_64 AMD64 aarch64 arm64'",  # which have wheels of it
    ],
    extras_require={
        "cuda": ["gsplat>=1.5,<1.6"],
        "tensorboard": ["tensorboard>=2.16"],
        "wandb": ["wandb>=0.22"],
        "mlflow": ["mlflow-skinny>=3"],
        "notebook": ["nbclient>=0.10", "nbformat>=5.10", "ipykernel>=6.29"],
        "docs": ["mkdocs-material>=9.6,<10"],
        "ray": ["ray>=2.40,<3"],
        "viewer": ["viser>=1.1,<1.2"],
        "usd": ["usd-core>=25.5"],
        "onnxruntime": ["onnxruntime>=1.20", "onnx>=1.17"],
        "test": ["pytest>=8", "pytest-xdist>=3.6", "tensorboard>=2.16", "hypothesis>=6.100,<7", "POT>=0.9.4",
                 "triton>=3.2; platform_system=='Linux'", "gsplat>=1.5,<1.6", "viser>=1.1,<1.2", "nbclient>=0.10",
                 "nbformat>=5.10", "ipykernel>=6.29", "mkdocs-material>=9.6,<10",
                 "ruff>=0.17,<0.18", "mypy>=2.4,<3"],  # a newer ruff or mypy may find more
    },
    entry_points={"console_scripts": ["carv3d=carv3d.cli:main"]},
)
