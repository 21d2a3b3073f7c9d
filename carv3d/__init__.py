"""carv3d: text to 3D by score distillation, with the variance of its gradient accounted for (CARV, arXiv 2605.21489)."""

__version__ = "0.1.0"
