"""What is public about a trader whom we copy."""

from collections.abc import Sequence
from typing import Protocol

from arbiter.model.copying import LeaderAction, LeaderHolding, Wallet
from arbiter.model.ids import VenueId


class LeaderSource(Protocol):
    """Reads of one venue's public activity; nothing here is an order of ours.

    Both reads raise `VenueUnreachable` without a usable answer, `RateLimited` or `Banned` with the
    wait asked for, and `VenueRefused` when the venue says that the question was wrong.
    """

    @property
    def venue(self) -> VenueId: ...

    def follows(self, wallet: Wallet) -> bool:
        """Whether this source is the one to ask about a wallet."""
        ...

    async def actions_since(self, wallet: Wallet, since_ns: int) -> Sequence[LeaderAction]:
        """Give everything the wallet did at or after a time, in any order, repeats included.

        An act carries the same key in every answer.
        """
        ...

    async def holdings(self, wallet: Wallet) -> Sequence[LeaderHolding]:
        """Give what the wallet holds now; nothing where acts tell the position they start from."""
        ...
