"""The journal writes every batch once, in order, and tells only what is durable."""

import asyncio
from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.model.changes import Changes
from arbiter.model.errors import ArbiterError, InstanceLocked, StorageUnavailable, WillNotWork
from arbiter.model.events import (
    AlertRaised,
    Audited,
    EngineStarted,
    EngineStopped,
    Event,
    OrderFilled,
    OrderSent,
    TradeOpened,
)
from arbiter.model.holdings import Balance, Budget
from arbiter.model.ids import Actor, VenueId
from arbiter.storage.journal import JournalSettings, PgJournal
from tests.fakes.postgres import FreshDatabase
from tests.unit.storage import samples
from tests.unit.storage.journalling import (
    QUICK,
    journalled,
    looking_at,
    running,
    unexpected,
    unhealthy,
)
from tests.unit.storage.proxy import COMMIT, COMMITTED, nth, once, proxied


def sent(seq: int) -> OrderSent:
    return OrderSent(at_ns=seq, client_order_id=samples.order_id(seq, "a"))


def opened(seq: int) -> tuple[TradeOpened, Changes]:
    trade = samples.trade(seq)
    orders = (samples.order(seq, "a"), samples.order(seq, "b"))
    event = TradeOpened(at_ns=trade.started_ns, trade=trade, orders=orders, locks={}, reserve={})
    return event, Changes(
        trades={trade.id: trade}, orders={order.client_order_id: order for order in orders}
    )


async def test_what_is_told_is_already_durable(ledger_db: FreshDatabase) -> None:
    async with running(ledger_db.url) as run, looking_at(ledger_db) as look:
        event, changes = opened(1)
        durable = asyncio.Event()
        run.journal.append([event], changes, durable.set)
        await durable.wait()
        assert await journalled(look) == [event]
        assert await look.fetchval("SELECT trade_id FROM events") == event.trade.id
        assert await look.fetchval("SELECT count(*) FROM orders") == 2
        assert await look.fetchval("SELECT state FROM trades") == "WORKING"


async def test_events_keep_their_order_whatever_shares_a_commit(ledger_db: FreshDatabase) -> None:
    settings = JournalSettings(max_batch=7)
    async with running(ledger_db.url, settings) as run, looking_at(ledger_db) as look:
        numbers = [run.append(sent(seq), sent(seq + 1_000)) for seq in range(100)]
        await run.journal.drain()
        assert run.told == numbers
        wanted = [event for seq in range(100) for event in (sent(seq), sent(seq + 1_000))]
        assert await journalled(look) == wanted


async def test_later_rows_of_one_commit_replace_earlier_ones(ledger_db: FreshDatabase) -> None:
    async with running(ledger_db.url) as run, looking_at(ledger_db) as look:
        for total in ("1.10", "2.20", "0.000000000000000001"):
            balance = Balance(
                venue=samples.BUY_AT, asset=samples.USDT, total=Decimal(total), updated_ns=1
            )
            key = (balance.venue, balance.asset)
            run.append(changes=Changes(balances={key: balance}))
        await run.journal.drain()
        assert await look.fetch("SELECT total FROM balances") == [(Decimal("1E-18"),)]


async def test_a_fill_carries_the_strategy_of_an_order_of_the_same_commit(
    ledger_db: FreshDatabase,
) -> None:
    async with running(ledger_db.url) as run, looking_at(ledger_db) as look:
        event, changes = opened(1)
        fill = samples.fill(1)
        run.append(event, changes=changes)
        run.append(
            OrderFilled(at_ns=2, fill=fill),
            changes=Changes(fills={(fill.venue, fill.venue_trade_id): fill}),
        )
        await run.journal.drain()
        row = await look.fetchrow("SELECT strategy, trade_id FROM fills")
        assert tuple(row) == (samples.SPOT, event.trade.id)


async def test_a_database_that_hangs_is_unhealthy_until_it_answers(
    ledger_db: FreshDatabase,
) -> None:
    settings = JournalSettings(silence_s=0.05)
    async with running(ledger_db.url, settings) as run, looking_at(ledger_db) as look:
        async with look.transaction():
            await look.execute("SELECT * FROM journal_head FOR UPDATE")
            number = run.append(sent(1))
            await unhealthy(run.journal)
        await run.journal.drain()
        assert run.journal.healthy
        assert run.told == [number]
        assert await journalled(look) == [sent(1)]


async def test_whoever_heard_of_an_event_reads_it_however_many_follow(
    ledger_db: FreshDatabase,
) -> None:
    settings = JournalSettings(max_batch=7, silence_s=60)
    async with running(ledger_db.url, settings) as run, looking_at(ledger_db) as look:
        for seq in range(50):
            run.append(sent(seq))
        reader = asyncio.create_task(run.journal.written())
        await asyncio.sleep(0)
        for seq in range(50, 100):
            run.append(sent(seq))
        await reader
        assert (await journalled(look))[:50] == [sent(seq) for seq in range(50)]
        await run.journal.drain()
        await run.journal.written()  # nothing waits


async def test_no_reader_waits_for_a_database_that_hangs(ledger_db: FreshDatabase) -> None:
    settings = JournalSettings(silence_s=0.05)
    async with running(ledger_db.url, settings) as run, looking_at(ledger_db) as look:
        async with look.transaction():
            await look.execute("SELECT * FROM journal_head FOR UPDATE")
            run.append(sent(1))
            async with asyncio.timeout(30):
                await run.journal.written()
            assert not run.journal.healthy
            async with asyncio.timeout(30):
                await run.journal.written()
        await run.journal.drain()


async def test_a_commit_whose_answer_is_lost_is_not_written_twice(
    ledger_db: FreshDatabase,
) -> None:
    async with (
        proxied(ledger_db.url) as (proxy, url),
        looking_at(ledger_db) as look,
        running(url) as run,
    ):
        proxy.on_answer = once(COMMITTED)
        number = run.append(sent(1))
        await run.journal.drain()
        assert run.told == [number]
        assert proxy.connections >= 2
        assert await journalled(look) == [sent(1)]


async def test_a_commit_that_never_arrived_is_written_again(ledger_db: FreshDatabase) -> None:
    async with (
        proxied(ledger_db.url) as (proxy, url),
        looking_at(ledger_db) as look,
        running(url) as run,
    ):
        proxy.on_request = once(COMMIT)
        number = run.append(sent(1))
        await run.journal.drain()
        assert run.told == [number]
        assert proxy.connections >= 2
        assert await journalled(look) == [sent(1)]


@pytest.mark.parametrize("side", ["on_request", "on_answer"])
async def test_a_wire_cut_at_any_message_neither_loses_nor_doubles(
    ledger_db: FreshDatabase, side: str
) -> None:
    async with (
        proxied(ledger_db.url) as (proxy, url),
        looking_at(ledger_db) as look,
        running(url) as run,
    ):
        wanted: list[Event] = []
        cuts = 0
        for message in range(1, 31):
            event, changes = opened(message)
            before = proxy.connections
            setattr(proxy, side, nth(lambda _: True, message))
            run.append(event, changes=changes)
            wanted.append(event)
            await run.journal.drain()
            cuts += proxy.connections - before
        assert cuts >= 6  # begin, head, events, trades, orders, commit
        assert await journalled(look) == wanted
        assert await look.fetchval("SELECT count(*) FROM orders") == 60
        assert run.told == list(range(1, 31))
        assert run.journal.healthy


async def test_a_killed_backend_costs_nothing_but_time(ledger_db: FreshDatabase) -> None:
    async with running(ledger_db.url) as run, looking_at(ledger_db) as look:
        kill = """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
        """
        wanted = []
        for seq in range(1, 21):
            run.append(sent(seq))
            wanted.append(sent(seq))
            if seq % 5 == 0:
                await look.fetch(kill)
            await asyncio.sleep(0)
        await run.journal.drain()
        assert await journalled(look) == wanted
        assert not run.fatal


async def test_a_server_that_hangs_is_given_up_and_its_late_commit_is_not_doubled(
    ledger_db: FreshDatabase,
) -> None:
    settings = JournalSettings(write_timeout_s=0.3, first_retry_s=0.005, longest_retry_s=0.05)
    async with (
        proxied(ledger_db.url) as (proxy, url),
        looking_at(ledger_db) as look,
        running(url, settings) as run,
    ):
        # The head's row is held by somebody, so the first tries cannot get through.
        transaction = look.transaction()
        await transaction.start()
        await look.execute("SELECT * FROM journal_head FOR UPDATE")
        run.append(sent(1))
        await unhealthy(run.journal)
        assert run.told == []
        await transaction.rollback()
        await run.journal.drain()
        assert run.told == [1]
        assert run.journal.healthy
        assert proxy.connections >= 2
        assert await journalled(look) == [sent(1)]


async def test_a_fill_booked_twice_is_fatal_and_books_nothing(ledger_db: FreshDatabase) -> None:
    async with running(ledger_db.url) as run, looking_at(ledger_db) as look:
        fill = samples.fill(1)
        changes = Changes(fills={(fill.venue, fill.venue_trade_id): fill})
        run.append(OrderFilled(at_ns=1, fill=fill), changes=changes)
        await run.journal.drain()
        run.append(OrderFilled(at_ns=2, fill=fill), changes=changes)
        with pytest.raises(WillNotWork, match="uq_fills_venue_venue_trade_id"):
            await run.journal.drain()
        assert [type(error) for error in run.fatal] == [WillNotWork]
        assert not run.journal.healthy
        assert run.told == [1]
        assert len(await journalled(look)) == 1


async def test_one_database_has_one_engine(ledger_db: FreshDatabase) -> None:
    async with running(ledger_db.url):
        hasty = replace(QUICK, lock_wait_s=0.2)
        second = PgJournal(ledger_db.url, on_fatal=unexpected, settings=hasty)
        with pytest.raises(InstanceLocked, match="another engine"):
            await second.open()
    async with running(ledger_db.url) as third:
        third.append(sent(1))
        await third.journal.drain()


async def test_an_engine_that_lost_its_place_writes_no_more(ledger_db: FreshDatabase) -> None:
    async with running(ledger_db.url) as old, looking_at(ledger_db) as look:
        await look.execute(
            "UPDATE journal_head SET writer = '00000000-0000-0000-0000-000000000001'"
        )
        old.append(sent(1))
        with pytest.raises(WillNotWork, match="taken over"):
            await old.journal.drain()
        assert await journalled(look) == []


async def test_one_database_has_one_engine_after_a_lost_connection_too(
    ledger_db: FreshDatabase,
) -> None:
    async with running(ledger_db.url) as run, looking_at(ledger_db) as look:
        await look.fetch(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
            """
        )
        run.append(sent(1))
        await run.journal.drain()
        hasty = replace(QUICK, lock_wait_s=0.2)
        second = PgJournal(ledger_db.url, on_fatal=unexpected, settings=hasty)
        with pytest.raises(InstanceLocked, match="another engine"):
            await second.open()


@pytest.mark.parametrize("batch", [0, 7])
async def test_a_journal_that_was_set_back_or_forth_is_not_written_on(
    ledger_db: FreshDatabase, batch: int
) -> None:
    async with running(ledger_db.url) as run, looking_at(ledger_db) as look:
        for seq in (1, 2):
            run.append(sent(seq))
            await run.journal.drain()
        await look.execute("UPDATE journal_head SET batch = $1", batch)
        run.append(sent(3))
        with pytest.raises(WillNotWork, match="restored or changed by hand"):
            await run.journal.drain()
        assert run.told == [1, 2]
        assert await journalled(look) == [sent(1), sent(2)]


async def test_what_waits_in_memory_is_bounded(ledger_db: FreshDatabase) -> None:
    fatal: list[ArbiterError] = []
    journal = PgJournal(
        ledger_db.url, on_fatal=fatal.append, settings=JournalSettings(max_waiting=10)
    )
    await journal.open()
    for seq in range(12):
        journal.append([sent(seq)], Changes())
    assert [type(error) for error in fatal] == [StorageUnavailable]
    assert not journal.healthy
    await journal.close()


async def test_text_that_postgresql_cannot_hold_is_kept_without_it(
    ledger_db: FreshDatabase,
) -> None:
    async with running(ledger_db.url) as run, looking_at(ledger_db) as look:
        text = "bad\x00 and \\u0000 and \\\x00"
        alert = AlertRaised(at_ns=1, severity="info", code="X", text=text)
        entry = Audited(at_ns=1, actor=Actor("cli"), action="a", entity=text)
        run.append(alert, entry, changes=Changes(audit=[entry]))
        await run.journal.drain()
        kept = "bad� and \\u0000 and \\�"
        assert await look.fetchval("SELECT entity FROM audit") == kept
        first = (await journalled(look))[0]
        assert isinstance(first, AlertRaised)
        assert first.text == kept


async def test_runs_show_which_engine_was_killed(ledger_db: FreshDatabase) -> None:
    async with running(ledger_db.url) as run, looking_at(ledger_db) as look:
        run.append(EngineStarted(at_ns=1, run_id="r1", mode="sim", version="1"))
        run.append(EngineStarted(at_ns=5, run_id="r2", mode="sim", version="1"))
        run.append(EngineStopped(at_ns=9, run_id="r2"))
        await run.journal.drain()
        rows = await look.fetch("SELECT run_id, started_ns, stopped_ns FROM runs ORDER BY 1")
        assert [tuple(row) for row in rows] == [("r1", 1, None), ("r2", 5, 9)]


async def test_a_removed_budget_leaves_no_row(ledger_db: FreshDatabase) -> None:
    budget = Budget(strategy=samples.SPOT, currency=samples.USDT, allocated=Decimal(5))
    key = (budget.strategy, budget.currency)
    async with running(ledger_db.url) as run, looking_at(ledger_db) as look:
        run.append(changes=Changes(budgets={key: budget}))
        await run.journal.drain()
        run.append(changes=Changes(removed_budgets={key}))
        await run.journal.drain()
        assert await look.fetchval("SELECT count(*) FROM budgets") == 0


async def test_without_a_schema_the_mend_is_named(database_url: str) -> None:
    journal = PgJournal(database_url, on_fatal=unexpected)
    with pytest.raises(StorageUnavailable, match="arbiter db upgrade"):
        await journal.open()


async def test_a_callback_that_fails_does_not_stop_the_ones_after_it(
    ledger_db: FreshDatabase,
) -> None:
    told: list[VenueId] = []
    journal = PgJournal(ledger_db.url, on_fatal=unexpected)
    await journal.open()

    def fails() -> None:
        raise RuntimeError("a bug of the caller")

    journal.append([sent(1)], Changes(), fails)
    journal.append([sent(2)], Changes(), lambda: told.append(samples.BUY_AT))
    with pytest.raises(RuntimeError):
        await journal.run()
    again = asyncio.create_task(journal.run())
    await journal.drain()
    assert told == [samples.BUY_AT]
    again.cancel()
    await asyncio.wait([again])
    await journal.close()
