"""When books out of step are worth a new connection."""

from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.out_of_step import LATE_NS, MANY, OutOfStep
from tests.fakes.clock import FakeClock


def test_a_snapshot_that_is_late_is_asked_for_by_a_new_connection() -> None:
    clock = FakeClock()
    books = OutOfStep(FeedTally(), clock)
    assert books.hopeless() is None
    books.lose("BTC", "a gap")
    clock.advance(LATE_NS)
    books.lose("BTC", "another")
    books.lose("ETH", "a gap")
    assert books.hopeless() is None
    clock.advance(1)
    assert books.hopeless() == "no snapshot came"
    books.mend("BTC")
    assert books.hopeless() is None, "the other one has time yet"


def test_so_many_books_at_once_are_mended_by_a_new_connection() -> None:
    books = OutOfStep(FeedTally(), FakeClock())
    for number in range(MANY):
        books.lose(f"M{number}", "a gap")
    assert books.hopeless() is None
    books.lose("one too many", "a gap")
    assert books.hopeless() == f"{MANY + 1} books out of step"
    books.forget("one too many")
    assert books.hopeless() is None


def test_what_a_book_took_to_come_back_is_counted_once() -> None:
    clock, tally = FakeClock(), FeedTally()
    books = OutOfStep(tally, clock)
    books.mend("never lost")
    assert tally.resyncs == 0
    books.lose("BTC", "a gap")
    clock.advance(5)
    books.lose("BTC", "still")
    clock.advance(5)
    books.mend("BTC")
    books.mend("BTC")
    assert (tally.resyncs, tally.slowest_resync_ns) == (1, 10)
