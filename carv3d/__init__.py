"""carv3d: text to 3D by score distillation with a variance-reduced gradient (CARV, arXiv 2605.21489)."""

__version__ = "0.1.0"
