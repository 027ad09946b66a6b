"""Tests, by what they stand on: units, ports, surfaces, whole scenarios."""
