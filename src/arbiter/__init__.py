"""Arbiter: a self-hosted engine that trades price differences between venues."""

__version__ = "0.1.0"
