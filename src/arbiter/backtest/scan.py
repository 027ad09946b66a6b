"""Backtest: the kernel runs over the recording, the live core takes over wherever it stops.

It stops at candidates and where something is due (a commit, an order's arrival, a report, a
deadline, a one-second sample), so that everything that decides sees the board of that moment.
"""

from collections.abc import Callable

from arbiter.backtest.quotes import RecordedQuotes
from arbiter.backtest.session import Session
from arbiter.books.board import QuoteRows


def backtest(
    session: Session,
    quotes: RecordedQuotes,
    on_progress: Callable[[int], None] = lambda _rows: None,
) -> int:
    """Run the whole recording; gives how many candidates the kernel found.

    `on_progress` is told the rows done since the last call.
    """
    candidates = 0
    for rows in quotes.chunks():
        candidates += scan_rows(session, rows)
        on_progress(len(rows))
    session.finish()
    return candidates


def scan_rows(session: Session, rows: QuoteRows) -> int:
    """Take one chunk; gives its candidates."""
    board, core, outbox = session.core.board, session.core, session.outbox
    received = rows.times[:, 1]
    count, row, candidates = len(rows), 0, 0
    while row < count:
        at_ns = received.item(row)
        if session.next_ns <= at_ns:
            session.advance(at_ns)
        if outbox.resting:
            _one(session, rows, row)
            row += 1
            continue
        row, code, hushed = board.scan(rows, row, session.next_ns)
        candidates += hushed
        if code:
            candidates += 1
            session.stand(received.item(row - 1))
            core.on_candidate(code)
    return candidates


def _one(session: Session, rows: QuoteRows, row: int) -> None:
    """An order of ours rests in some book: every quote counts."""
    prices, times = rows.prices[row].tolist(), rows.times[row].tolist()
    session.quote(int(rows.slots[row]), *prices, *times)
