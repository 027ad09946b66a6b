"""One backtest from files to result: survey, list, run, account."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from time import perf_counter

import msgspec

from arbiter.backtest.listing import Listing, make_listing
from arbiter.backtest.quotes import RecordedQuotes, RowCounts
from arbiter.backtest.replay import replay
from arbiter.backtest.samples import SpreadSamples
from arbiter.backtest.scan import backtest
from arbiter.backtest.session import Session
from arbiter.backtest.settings import BacktestSettings
from arbiter.backtest.survey import Survey, survey
from arbiter.backtest.tally import Tally
from arbiter.kernels.warm import warm
from arbiter.model.ids import Asset, Symbol
from arbiter.ports.journal import Journal
from arbiter.runtime.assembly import CoreSettings
from arbiter.runtime.hub import EventHub

Resolve = Callable[[str], Symbol]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. `core` builds the core's settings once the symbols of the data are known."""

    files: tuple[Path, ...]
    settings: BacktestSettings
    core: Callable[[Resolve], CoreSettings]
    symbols: tuple[str, ...] = ()
    venues: tuple[str, ...] = ()
    budgets: dict[Asset, Decimal] = {}
    shown: tuple[tuple[str, str], ...] = ()
    """Settings as the report shows them: (name, value)."""


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A session with its recording, before the first quote."""

    request: Request
    survey: Survey
    listing: Listing
    core: CoreSettings
    session: Session
    quotes: RecordedQuotes
    tally: Tally
    samples: SpreadSamples


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    prepared: Prepared
    candidates: int | None
    """Quotes that opened a spread worth looking at; None for a replay, which does not count."""
    seconds: float
    """Wall-clock time of the run itself."""

    @property
    def counts(self) -> RowCounts:
        return self.prepared.quotes.counts


def prepare(
    request: Request,
    found: Survey | None = None,
    *,
    kept: Journal | None = None,
    hub: EventHub | None = None,
) -> Prepared:
    """Survey the files (unless `found` says what they hold) and set everything up.

    A replay that is to be watched and stored brings the engine's `hub` and its journal as `kept`.
    """
    warm()
    found = found or survey(request.files)
    listing = make_listing(found, request.settings, symbols=request.symbols, venues=request.venues)
    core = request.core(listing.registry.resolve_symbol)
    tally = Tally()
    session = Session(
        listing,
        core,
        request.settings,
        found.first_ns,
        budgets=request.budgets,
        watch=tally.on_step,
        kept=kept,
        hub=hub,
    )
    tally.attach(session.ledger, session.core.board)
    session.hub.listen(tally.on_events)
    return Prepared(
        request=request,
        survey=found,
        listing=listing,
        core=core,
        session=session,
        quotes=RecordedQuotes(request.files, listing),
        tally=tally,
        samples=SpreadSamples(session, found),
    )


def run_backtest(
    prepared: Prepared, on_progress: Callable[[int], None] = lambda _rows: None
) -> Finished:
    started = perf_counter()
    candidates = backtest(prepared.session, prepared.quotes, on_progress)
    return Finished(prepared=prepared, candidates=candidates, seconds=perf_counter() - started)


def run_replay(prepared: Prepared) -> Finished:
    """Run the same through the live path, quote by quote."""
    started = perf_counter()
    replay(prepared.session, prepared.quotes)
    return Finished(prepared=prepared, candidates=None, seconds=perf_counter() - started)
