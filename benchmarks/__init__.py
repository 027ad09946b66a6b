"""Measurements of the hot paths, each against a baseline taken in the same run."""
