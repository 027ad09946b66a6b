"""Kalshi's Trade API version 2, simulated."""
