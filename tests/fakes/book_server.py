"""A venue's market data over a socket: one moving book for each symbol."""

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence

from tests.fakes.moving_book import MovingBook
from tests.fakes.wire_server import WireServer


class BookServer(WireServer, ABC):
    def __init__(self, symbols: Sequence[str], *, seed: int = 1) -> None:
        super().__init__()
        rng = random.Random(seed)
        self.books = {name: MovingBook(name, rng) for name in symbols}
        self.refused: set[str] = set()
        """Topics or markets, as the venue names them, that do not exist."""

    def step(self) -> None:
        for symbol in self.books:
            self.move(symbol)

    @abstractmethod
    def move(self, symbol: str) -> None:
        """Change one book and say so."""

    @abstractmethod
    def skip(self, symbol: str) -> None:
        """Change one book and lose the messages."""

    @abstractmethod
    def repeat(self, symbol: str) -> None:
        """Send the last messages of one book again."""

    def truth(self, symbol: str) -> tuple[float, float, float, float]:
        """Bid, ask and their sizes now."""
        book = self.books[symbol]
        (bid, bid_size), (ask, ask_size) = book.bids(1)[0], book.asks(1)[0]
        return float(bid), float(ask), float(bid_size), float(ask_size)
