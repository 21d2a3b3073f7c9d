"""A scene in a browser while it trains, or afterwards: viser's server, guarded, and what is shown there."""
