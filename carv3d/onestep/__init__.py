"""One-step distillation: a denoiser made a generator of one evaluation, by matching distributions (arXiv 2311.18828).

The paper's third application (CARV, arXiv 2605.21489). Knows denoisers, draws and pictures; no scenes, no text to 3D.
"""
