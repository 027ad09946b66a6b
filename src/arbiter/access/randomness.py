"""The randomness that salts, keys and secrets are made of, handed in."""

from collections.abc import Callable

TokenSource = Callable[[int], bytes]
"""Gives that many cryptographically strong random bytes; `secrets.token_bytes` in production."""
