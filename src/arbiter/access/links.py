"""One-time codes: a signed-in person of this machine lets another device speak for a user.

Codes live in memory, for minutes, and die with the engine. A code is 10 characters of 32, so of
the few tries the throttle allows none finds one.
"""

from collections import OrderedDict

import msgspec

from arbiter.access.api_keys import digest_of
from arbiter.access.randomness import TokenSource
from arbiter.access.users import UserId
from arbiter.model.time import NS_PER_MINUTE
from arbiter.ports.clock import Clock

LIVES_NS = 10 * NS_PER_MINUTE
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Nothing in it looks like anything else in it."""
_LENGTH = 10
_MOST = 1_000


class _Offer(msgspec.Struct, frozen=True):
    user_id: UserId
    until_ns: int


class LinkCodes:
    """Makes codes and takes each back once."""

    def __init__(self, clock: Clock, random: TokenSource) -> None:
        self._clock = clock
        self._random = random
        self._offers: OrderedDict[bytes, _Offer] = OrderedDict()

    def make(self, user_id: UserId) -> str:
        """Make a code for a user; an earlier one of theirs is void."""
        for digest, offer in tuple(self._offers.items()):
            if offer.user_id == user_id:
                del self._offers[digest]
        code = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in self._random(_LENGTH))
        until = self._clock.monotonic_ns() + LIVES_NS
        self._offers[digest_of(code)] = _Offer(user_id, until)
        while len(self._offers) > _MOST:
            self._offers.popitem(last=False)
        return code

    def take(self, code: str) -> UserId | None:
        """Give the user a code stands for, and void it; None for one that is not good."""
        offer = self._offers.pop(digest_of(code.strip().upper()), None)
        if offer is None or self._clock.monotonic_ns() >= offer.until_ns:
            return None
        return offer.user_id
