"""Spreads worth trading: candidates of the board become signals, and signals become plans."""
