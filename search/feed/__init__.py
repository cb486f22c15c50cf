"""The change feed, as searches follow it."""
