"""What a sweep found: effective compute multipliers, curves at equal cost, pictures, one page."""
