"""The projections are what the journal says, and a restart finds the ledger it left."""

import asyncio
import logging
import random
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arbiter.ledger.ledger import Ledger
from arbiter.model import events as ev
from arbiter.model.changes import Changes
from arbiter.model.errors import InstanceLocked
from arbiter.model.money import use_wide_context
from arbiter.model.orders import Order, OrderStatus, Side
from arbiter.model.trades import Trade, TradeState
from arbiter.storage import loader, migrate, rebuild, refill
from arbiter.storage.database import make_engine
from arbiter.storage.journal import ENGINE_LOCK, JournalSettings, PgJournal
from tests.fakes.postgres import FreshDatabase, PostgresForTests
from tests.unit.ledger.tape import BINANCE, BNB, BYBIT, SPOT, USDT, USER, Tape
from tests.unit.storage.journalling import looking_at, running


class JournalledTape(Tape):
    """A tape whose every event also goes to a journal."""

    def __init__(self, journal: PgJournal) -> None:
        use_wide_context()
        super().__init__()
        self.journal = journal

    def apply(self, event: ev.JournalEvent) -> Changes:
        changes = super().apply(event)
        self.journal.append([event], changes)
        return changes


def _amount(dice: random.Random, places: int = 8) -> Decimal:
    return Decimal(dice.randrange(1, 5 * 10**places)).scaleb(-places)


def _play(tape: JournalledTape, dice: random.Random) -> None:
    """Live through one trade: legs filled in parts or not, fees in any asset, ended or left open."""
    trade = tape.trade(size=_amount(dice), buy=_amount(dice, 4), sell=_amount(dice, 4))
    for name in ("a0", "b0"):
        _play_order(tape, trade, tape.leg(trade, name), dice)
    if dice.random() < 0.3:
        side = dice.choice([Side.BUY, Side.SELL])
        _play_order(tape, trade, tape.more(trade, "u0", BYBIT, side, _amount(dice)), dice)
    closed = [TradeState.COMPLETED, TradeState.UNWOUND, TradeState.HELD, TradeState.WORKING]
    tape.advanced(trade, dice.choice(closed))


def _play_order(tape: JournalledTape, trade: Trade, order: Order, dice: random.Random) -> None:
    tape.sent(order)
    if dice.random() < 0.1:
        tape.rejected(order)
        return
    if dice.random() < 0.2:
        tape.unknown(order)
    tape.accepted(order)
    for _ in range(dice.randrange(3)):
        current = tape.ledger.orders[order.client_order_id]
        if current.remaining <= 0:
            break
        part = current.remaining * dice.choice([Decimal("0.25"), Decimal(1)])
        fee = Decimal(dice.randrange(-1_000, 3_000)).scaleb(-9)
        tape.filled(current, part, fee=fee, fee_asset=dice.choice([USDT, BNB]))
    if dice.random() < 0.8:
        tape.ended(order, dice.choice([OrderStatus.CANCELLED, OrderStatus.EXPIRED]))


def _switch(tape: JournalledTape, dice: random.Random) -> None:
    at_ns = tape.now_ns
    choices: list[ev.JournalEvent] = [
        ev.KillSwitchEngaged(at_ns=at_ns, actor=USER, reason="drill", flatten=True),
        ev.KillSwitchReleased(at_ns=at_ns, actor=USER),
        ev.StrategySwitched(at_ns=at_ns, strategy=SPOT, running=False, actor=USER),
        ev.SettingChanged(at_ns=at_ns, path="spot.cooldown", before="1", after="2", actor=USER),
        ev.Audited(at_ns=at_ns, actor=USER, action="login", entity="alice"),
        ev.BudgetSet(at_ns=at_ns, strategy=SPOT, currency=BNB, allocated=Decimal(7), actor=USER),
        ev.EngineStarted(at_ns=at_ns, run_id=str(at_ns), mode="sim", version="1"),
        ev.ExternalChange(
            at_ns=at_ns, venue=BINANCE, asset=BNB, delta=Decimal("0.1"), reason="reward"
        ),
    ]
    if (SPOT, BNB) in tape.ledger.budgets:
        choices += [ev.BudgetRemoved(at_ns=at_ns, strategy=SPOT, currency=BNB, actor=USER)] * 4
    tape.apply(dice.choice(choices))


async def _live(database: FreshDatabase, seed: int, trades: int, *, outages: bool) -> Ledger:
    """Journal a random history, in commits of random size, and give the ledger at its end."""
    dice = random.Random(seed)
    settings_ = JournalSettings(
        max_batch=dice.choice([1, 5, 500]), first_retry_s=0.005, longest_retry_s=0.05
    )
    async with running(database.url, settings_) as run, looking_at(database) as look:
        tape = JournalledTape(run.journal)
        tape.opening(BINANCE, USDT=100_000, BTC=10, BNB=5)
        tape.opening(BYBIT, USDT="5000.125", BTC="3.000000001", BNB=5)
        tape.budget(50_000)
        tape.apply(
            ev.BudgetSet(
                at_ns=tape.now_ns, strategy=SPOT, currency=BNB, allocated=Decimal(1), actor=USER
            )
        )
        for _ in range(trades):
            _play(tape, dice)
            if dice.random() < 0.5:
                _switch(tape, dice)
            if dice.random() < 0.3:
                await asyncio.sleep(0)
            if outages and dice.random() < 0.2:
                await look.fetch(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        await run.journal.drain()
        return tape.ledger


async def _restored(database: FreshDatabase) -> Ledger:
    engine = make_engine(database.url)
    ledger = Ledger()
    ledger.restore(await loader.load(engine))
    await engine.dispose()
    return ledger


@settings(
    max_examples=6,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32), outages=st.booleans())
async def test_rows_equal_a_fold_of_the_journal_and_restore_the_same_ledger(
    ledger_db: FreshDatabase, postgres_server: PostgresForTests, seed: int, outages: bool
) -> None:
    with postgres_server.fresh(template="ledger") as database:
        ledger = await _live(database, seed, 15, outages=outages)
        assert await rebuild.verify(database.url) == []
        restored = await _restored(database)
        assert restored.image() == ledger.image()


async def test_a_rebuild_mends_rows_that_were_changed_by_hand(ledger_db: FreshDatabase) -> None:
    ledger = await _live(ledger_db, 7, 20, outages=False)
    async with looking_at(ledger_db) as look:
        await look.execute("UPDATE balances SET total = total + 0.00000001 WHERE venue = 'binance'")
        await look.execute("DELETE FROM fills WHERE seq = (SELECT min(seq) FROM fills)")
    found = await rebuild.verify(ledger_db.url)
    assert {(one.table, one.side) for one in found} == {
        ("balances", "journal"),
        ("balances", "table"),
        ("fills", "journal"),
    }
    await rebuild.rebuild(ledger_db.url)
    assert await rebuild.verify(ledger_db.url) == []
    assert (await _restored(ledger_db)).image() == ledger.image()


async def test_the_journal_goes_on_after_a_rebuild(ledger_db: FreshDatabase) -> None:
    await _live(ledger_db, 3, 5, outages=False)
    await rebuild.rebuild(ledger_db.url)
    entry = ev.Audited(at_ns=1, actor=USER, action="login", entity="alice")
    async with running(ledger_db.url) as run:
        run.append(entry, changes=Changes(audit=[entry]))
        await run.journal.drain()
    assert await rebuild.verify(ledger_db.url) == []


async def test_an_empty_journal_folds_to_empty_tables(ledger_db: FreshDatabase) -> None:
    assert await rebuild.verify(ledger_db.url) == []
    assert await rebuild.rebuild(ledger_db.url) == 0


async def test_an_upgrade_fills_a_projection_that_the_old_schema_lacked(
    ledger_db: FreshDatabase, fresh_database: FreshDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    await _live(ledger_db, 11, 20, outages=False)
    await _older(ledger_db, fresh_database, "0012")
    with caplog.at_level(logging.INFO, "arbiter.storage.refill"):
        await migrate.upgrade(fresh_database.url)
    assert await rebuild.verify(fresh_database.url) == []
    async with looking_at(fresh_database) as look:
        assert await look.fetchval("SELECT count(*) FROM pnl_minutes")
    assert "pnl_minutes filled from" in caplog.text
    caplog.clear()
    await migrate.upgrade(fresh_database.url)
    assert not caplog.text


async def test_a_database_left_with_a_half_filled_projection_is_made_good(
    ledger_db: FreshDatabase, fresh_database: FreshDatabase
) -> None:
    await _live(ledger_db, 11, 20, outages=False)
    await _older(ledger_db, fresh_database, "0013")
    async with looking_at(fresh_database) as look:
        await look.execute("INSERT INTO pnl_minutes VALUES (0, 'spot', 99)")
    await migrate.upgrade(fresh_database.url)
    assert await rebuild.verify(fresh_database.url) == []


async def test_no_projection_is_filled_under_a_running_engine(
    ledger_db: FreshDatabase, fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refill, "LOCK_WAIT_S", 0.05)
    await _live(ledger_db, 11, 5, outages=False)
    await _older(ledger_db, fresh_database, "0013")
    async with looking_at(fresh_database) as engine:
        await engine.execute("SELECT pg_advisory_lock($1)", ENGINE_LOCK)
        with pytest.raises(InstanceLocked, match="older version"):
            await migrate.upgrade(fresh_database.url)
        await engine.execute("SELECT pg_advisory_unlock($1)", ENGINE_LOCK)
    await migrate.upgrade(fresh_database.url)
    assert await rebuild.verify(fresh_database.url) == []


async def _older(whole: FreshDatabase, old: FreshDatabase, revision: str) -> None:
    """Put the journal and all of its rows that an older schema has room for into a database of it."""
    await migrate.upgrade(old.url, to=revision)
    async with looking_at(whole) as source, looking_at(old) as target:
        for table in ("events", *(each.name for each in rebuild.PROJECTIONS)):
            if table == "pnl_minutes":
                continue
            columns = ", ".join(
                f'"{row["column_name"]}"'
                for row in await target.fetch(
                    "SELECT column_name FROM information_schema.columns"
                    " WHERE table_name = $1 AND table_schema = current_schema()",
                    table,
                )
            )
            rows = await source.fetchval(
                f"SELECT json_agg(t)::text FROM (SELECT {columns} FROM {table}) AS t"
            )
            await target.execute(
                f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns}"
                f" FROM json_populate_recordset(NULL::{table}, coalesce($1::text, '[]')::json)",
                rows,
            )
