"""Compute-aware variance reduction for expectations with diffusion teachers (CARV, arXiv 2605.21489).

The hierarchical Monte Carlo estimator: B items are made once (a rendered and encoded view each), K draws of (timestep,
noise) are made per item, and the mean over K of the importance-weighted values estimates each item's expectation.
Torch and mathematics only: nothing here knows of images, scenes or networks.
"""

from carv3d.carv.draws import Draws, draw, join
from carv3d.carv.estimate import Estimate, LossEstimate, estimate, estimate_loss, estimate_parts
from carv3d.carv.proposal import Proposal, make_proposal, uniform_target
from carv3d.carv.sampler import Design, Sampler
from carv3d.carv.sequence import kronecker

__all__ = ["Design", "Draws", "Estimate", "LossEstimate", "Proposal", "Sampler", "draw", "estimate", "estimate_loss",
           "estimate_parts", "join", "kronecker", "make_proposal",
           "uniform_target"]
