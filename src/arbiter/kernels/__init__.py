"""The hot paths, compiled by numba, each with a plain-Python twin."""
