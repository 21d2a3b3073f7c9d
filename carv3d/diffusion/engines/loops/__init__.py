"""carv3d's own networks as one compiled call: ``networks`` writes a ``program`` of ``layers`` for each of them."""
