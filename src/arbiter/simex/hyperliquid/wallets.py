"""Wallets of the simulated chain: accounts, their agents, and the nonces that were used."""

from heapq import heappush, heapreplace

import msgspec

NONCES = 100
"""The highest of each signer are remembered; a new one must be above the lowest of them."""
_DAY_MS = 24 * 3_600_000


class Wallet(msgspec.Struct, frozen=True):
    address: str
    private_key: str = ""


class Nonces:
    """Of one signer."""

    def __init__(self) -> None:
        self._heap: list[int] = []
        self._known: set[int] = set()

    def problem(self, nonce: int, now_ms: int) -> str | None:
        """Use a nonce up, or say why it is none."""
        lowest, highest = now_ms - 2 * _DAY_MS, now_ms + _DAY_MS
        full = len(self._heap) >= NONCES
        if full:
            lowest = max(lowest, self._heap[0])
        if nonce in self._known:
            return f"Invalid nonce: duplicate nonce {nonce}"
        if nonce < lowest:
            return f"Invalid nonce: nonce too low {nonce} < {lowest}"
        if nonce > highest:
            return f"Invalid nonce: nonce too high {nonce} > {highest}"
        self._known.add(nonce)
        if full:
            self._known.discard(heapreplace(self._heap, nonce))
        else:
            heappush(self._heap, nonce)
        return None
