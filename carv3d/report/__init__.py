"""What a sweep found: effective compute multipliers, curves at equal cost, images, one page."""
