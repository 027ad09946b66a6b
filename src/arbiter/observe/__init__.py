"""Figures and log lines about the engine itself, without a library on the hot path."""
