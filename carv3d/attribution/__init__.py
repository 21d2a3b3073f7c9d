"""Which training pictures made an output: gradients of a diffusion loss at shared draws, sample by sample.

The paper's second application (CARV, arXiv 2605.21489). Knows pictures, models and draws; no scenes, no text to 3D.
"""
