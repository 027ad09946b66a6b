"""Topics asked for on one connection: in batches, each answered, a refused batch one by one."""

from collections.abc import Callable, Iterable, Sequence

import structlog

log = structlog.get_logger(__name__)

Encode = Callable[[int, Sequence[str]], bytes]
"""Makes a request from its number and topics."""


class Subscriptions:
    """What is still to be asked for and what is not yet answered.

    A venue that refuses a batch for one bad topic would otherwise silence all the others in it.
    """

    def __init__(self, topics: Iterable[str], encode: Encode, batch: int) -> None:
        waiting = list(topics)
        self._encode = encode
        self._waiting = [
            tuple(waiting[start : start + batch]) for start in range(0, len(waiting), batch)
        ]
        self._asked: dict[int, tuple[str, ...]] = {}
        self._last = 0
        self.refused: dict[str, str] = {}
        """Topic to the venue's reason."""

    @property
    def settled(self) -> bool:
        return not self._waiting and not self._asked

    def requests(self) -> list[bytes]:
        """Give the requests to send now."""
        batches, self._waiting = self._waiting, []
        return [self._ask(topics) for topics in batches]

    def answered(self, number: int | None, refusal: str | None) -> bool:
        """Take an answer; False when it belongs to no request of ours.

        Without a number it is taken for that of the request which has waited longest.
        """
        if number is None and self._asked:
            number = next(iter(self._asked))
        topics = None if number is None else self._asked.pop(number, None)
        if topics is None:
            return False
        if refusal is None:
            return True
        if len(topics) > 1:
            self._waiting.extend((topic,) for topic in topics)
            return True
        self.refused[topics[0]] = refusal
        log.warning("subscription refused", topic=topics[0], why=refusal)
        return True

    def _ask(self, topics: tuple[str, ...]) -> bytes:
        self._last += 1
        self._asked[self._last] = topics
        return self._encode(self._last, topics)


def shards(topics: Sequence[str], size: int) -> list[Sequence[str]]:
    """Share topics out over connections."""
    return [topics[start : start + size] for start in range(0, len(topics), size)]
