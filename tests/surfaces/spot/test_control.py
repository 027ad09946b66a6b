"""Starting, stopping and changing the engine over the API; what outlives a restart."""

from typing import Any

import httpx
import pytest

from arbiter.model.commands import ReleaseKillSwitch
from arbiter.model.ids import Actor, StrategyId
from arbiter.model.pairs import PairState
from arbiter.model.plans import Family
from tests.surfaces.spot import samples
from tests.surfaces.spot.conftest import MakeEngine, until
from tests.surfaces.spot.harness import LiveEngine
from tests.surfaces.spot.samples import check_shape

SPOT = StrategyId("spot-arbitrage")


@pytest.fixture(scope="module")
def engine(make_engine: MakeEngine) -> LiveEngine:
    return make_engine()


@pytest.fixture(autouse=True)
def _as_new(engine: LiveEngine) -> None:
    """Released, running, unnarrowed."""
    running = engine.running
    if running.engine.core.ledger.kill_switch.engaged:
        engine.wait_for(running.bus.execute(ReleaseKillSwitch(actor=Actor("test"))))
    with engine.client() as client:
        assert client.post("/trading/start").status_code == 200


def total(client: httpx.Client) -> int:
    return int(client.get("/trades", params={"limit": 1}).json()["total_count"])


def test_stop_stops_and_start_starts(client: httpx.Client) -> None:
    until(lambda: total(client) >= 1)
    stopped = client.post("/trading/stop").json()
    check_shape(samples.STOP, stopped)
    assert client.get("/status").json()["status"] == "stopped"
    until(lambda: client.post("/trading/stop").json()["pending_trades"] == 0)
    before = total(client)
    quotes = client.get("/status").json()["exchanges"]["okx"]["last_update"]
    until(lambda: client.get("/status").json()["exchanges"]["okx"]["last_update"] > quotes + 2)
    assert total(client) == before
    started = client.post("/trading/start", json={"mode": "simulation"}).json()
    check_shape(samples.START, started)
    assert (started["symbols_count"], started["exchanges_count"]) == (8, 4)
    assert client.get("/status").json()["status"] == "running"
    until(lambda: total(client) > before)


def test_trades_completed_count_from_the_start(client: httpx.Client, engine: LiveEngine) -> None:
    client.post("/trading/stop")
    client.post("/trading/start")
    tally = engine.running.spot_tally
    assert client.post("/trading/start").json()["message"] == "Trading is running already"
    until(lambda: tally.completed_in_run >= 2)
    stopped = client.post("/trading/stop").json()
    assert stopped["trades_completed"] >= 2
    # Of all days: a new one may have begun since the start.
    ended = client.get("/trades", params={"status": "completed", "limit": 1}).json()
    assert stopped["trades_completed"] <= ended["total_count"]


def test_start_narrows_to_what_it_names(client: httpx.Client, engine: LiveEngine) -> None:
    wanted = {"symbols": ["BTCUSDT", "ETH/USDT"], "exchanges": ["binance", "bybit", "okx"]}
    started = client.post("/trading/start", json=wanted).json()
    assert (started["symbols_count"], started["exchanges_count"]) == (2, 3)
    settings = engine.running.engine.core.spot.settings
    assert set(settings.symbols) == {"BTC/USDT", "ETH/USDT"}
    assert settings.exchanges == ("binance", "bybit", "okx")
    config = client.get("/trading/config").json()
    assert config["exchanges"]["kraken"] == {"enabled": True}
    again = client.post("/trading/start").json()
    assert (again["symbols_count"], again["exchanges_count"]) == (8, 4)
    assert engine.running.engine.core.spot.settings.symbols == ()


def test_another_mode_is_refused_with_the_reason(client: httpx.Client) -> None:
    answer = client.post("/trading/start", json={"mode": "live"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "INVALID_REQUEST"
    assert "'simulation'" in error["message"]
    assert client.get("/status").json()["mode"] == "simulation"


def test_change_of_settings_holds_at_once_and_is_audited(
    client: httpx.Client, engine: LiveEngine
) -> None:
    changes = {
        "arbitrage": {"min_profit_threshold": 0.0123, "max_position_size": 777},
        "risk_management": {"max_concurrent_trades": 7, "stop_loss_percent": 2.5},
        "exchanges": {"kraken": {"enabled": False}},
    }
    answer = client.put("/trading/config", json=changes).json()
    check_shape(samples.UPDATED, answer)
    assert answer["updated_fields"] == [
        "min_profit_threshold",
        "max_position_size",
        "max_concurrent_trades",
        "stop_loss_percent",
        "enabled",
    ]
    core = engine.running.engine.core
    assert str(core.spot.settings.min_profit_threshold) == "0.0123"
    assert core.board.settings.min_edge == 0.0123
    assert core.gate.limits.max_concurrent_trades == 7
    assert list(core.spot.settings.exchanges) == ["binance", "bybit", "okx"]
    shown = client.get("/trading/config").json()
    assert shown["arbitrage"]["min_profit_threshold"] == 0.0123
    assert shown["risk_management"]["stop_loss_percent"] == 2.5
    assert shown["exchanges"]["kraken"] == {"enabled": False}
    assert client.get("/risk/limits").json()["limits"]["max_concurrent_trades"] == 7
    change = core.ledger.settings["spot.min_profit_threshold"]
    assert (change.after, change.actor) == ("0.0123", "api:spot")
    back = {
        "arbitrage": {"min_profit_threshold": 0.005, "max_position_size": 1000},
        "exchanges": {"kraken": {"enabled": True}},
    }
    assert client.put("/trading/config", json=back).status_code == 200
    assert list(core.spot.settings.exchanges) == ["binance", "bybit", "okx", "kraken"]


@pytest.mark.parametrize(
    ("bad", "named", "said"),
    [
        ({"arbitrage": {"min_profit_treshold": 0.1}}, "arbitrage.min_profit_treshold", "did you mean 'arbitrage.min_profit_threshold'"),
        ({"arbitrag": {}}, "arbitrag", "did you mean 'arbitrage'"),
        ({"exchanges": {"binanse": {"enabled": True}}}, "exchanges.binanse", "did you mean 'exchanges.binance'"),
        ({"exchanges": {"binance": {"enable": True}}}, "exchanges.binance.enable", "enabled"),
        ({"arbitrage": {"min_profit_threshold": 0.5}}, "arbitrage.min_profit_threshold", "a fraction from 0 to 0.1"),
        ({"arbitrage": {"min_profit_threshold": "x"}}, "arbitrage.min_profit_threshold", "a fraction"),
        ({"arbitrage": {"use_trend_filter": 1}}, "arbitrage.use_trend_filter", "true or false"),
        ({"arbitrage": {"trend_filter_mode": "uptrend"}}, "arbitrage.trend_filter_mode", "must be one of"),
        ({"arbitrage": {"trade_amount_usd": None}}, "arbitrage.trade_amount_usd", "no such value"),
        ({"risk_management": {"max_concurrent_trades": 2.5}}, "risk_management.max_concurrent_trades", "whole number"),
        ({"arbitrage": 5}, "arbitrage", "an object"),
        ({"exchanges": {name: {"enabled": False} for name in ("binance", "bybit", "okx", "kraken")}}, "exchanges", "at least one"),
    ],
)  # fmt: skip
def test_one_bad_key_refuses_the_whole_body(
    client: httpx.Client, bad: dict[str, Any], named: str, said: str
) -> None:
    before = client.get("/trading/config").json()
    good = {"risk_management": {"max_drawdown_percent": 9.0}}
    answer = client.put("/trading/config", json=good | bad)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "INVALID_REQUEST"
    assert error["details"]["fields"] == [named]
    assert said in error["message"]
    assert client.get("/trading/config").json() == before


def test_settings_narrowing_and_stop_outlive_a_restart(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine()
    with engine.client() as client:
        client.post("/trading/start", json={"symbols": ["BTCUSDT"]})
        client.put(
            "/trading/config",
            json={"arbitrage": {"trade_amount_usd": 33}, "exchanges": {"okx": {"enabled": False}}},
        )
        client.post("/trading/stop")
    engine.stop()
    engine.start()
    core = engine.running.engine.core
    assert str(core.spot.settings.trade_amount_usd) == "33"
    assert core.spot.settings.symbols == ("BTC/USDT",)
    assert "okx" not in core.spot.settings.exchanges
    with engine.client() as client:
        assert client.get("/status").json()["status"] == "stopped"
        assert client.get("/trading/config").json()["arbitrage"]["trade_amount_usd"] == 33


def test_emergency_stop_latches_until_released(client: httpx.Client, engine: LiveEngine) -> None:
    until(lambda: bool(client.get("/signals").json()["signals"]))
    stopped = client.post("/risk/emergency-stop", json={"reason": "drill", "force": True})
    assert stopped.status_code == 200
    check_shape(samples.EMERGENCY, stopped.json())
    switch = engine.running.engine.core.ledger.kill_switch
    assert (switch.engaged, switch.reason, switch.flatten) == (True, "drill", True)
    assert client.get("/status").json()["status"] == "emergency_stopped"
    signal = client.get("/signals").json()["signals"][0]["id"]
    execute = {"operations": [{"type": "execute_signal", "signal_id": signal, "quantity": 0.1}]}
    for answer in (
        client.post("/trading/start", json={"mode": "simulation"}),
        client.post("/batch/trades", json=execute),
    ):
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "TRADING_DISABLED"
    cancel = {"operations": [{"type": "cancel_trade", "trade_id": 10**9}]}
    assert client.post("/batch/trades", json=cancel).status_code == 200
    engine.wait_for(engine.running.bus.execute(ReleaseKillSwitch(actor=Actor("test"))))
    assert client.post("/trading/start").status_code == 200


def test_emergency_stop_needs_no_body(client: httpx.Client) -> None:
    answer = client.post("/risk/emergency-stop")
    assert answer.status_code == 200
    assert answer.json()["positions_closed"] == 0


def test_forced_emergency_stop_counts_the_positions_it_closed(make_engine: MakeEngine) -> None:
    """A funding pair is two positions, though no trade of it is under way."""
    engine = make_engine(
        ARBITER__FUNDING__ENABLED="true",
        ARBITER__FUNDING__MAX_PAIRS="1",
        ARBITER__FUNDING__COOLDOWN_HOURS="0",
        ARBITER__SIM__PERPETUALS__SYMBOLS="3",
        ARBITER__SIM__PERPETUALS__RATE_DISPERSION="0.003",
    )
    ledger = engine.running.engine.core.ledger

    def paired() -> bool:
        pairs = engine.do(ledger.active_pairs)
        return [pair.state for pair in pairs] == [PairState.OPEN]

    with engine.client() as client:
        client.post("/trading/stop")
        until(paired)
        answer = client.post("/risk/emergency-stop", json={"force": True}).json()
    assert engine.do(ledger.active_pairs) == ()
    assert answer["positions_closed"] == 2
    assert all(venue["flat"] for venue in answer["exchanges"])


def test_batch_reports_each_operation_by_its_place(client: httpx.Client) -> None:
    until(lambda: bool(client.get("/signals?executed=true").json()["signals"]))
    until(lambda: bool(client.get("/trades?status=completed").json()["trades"]))
    done = client.get("/signals", params={"executed": True}).json()["signals"][0]["id"]
    ended = client.get("/trades", params={"status": "completed"}).json()["trades"][0]["id"]
    answer = client.post(
        "/batch/trades",
        json={
            "operations": [
                {"type": "execute_signal", "signal_id": done, "quantity": 0.1},
                {"type": "execute_signal", "signal_id": 10**12},
                {"type": "cancel_trade", "trade_id": 10**12},
                {"type": "cancel_trade", "trade_id": ended},
            ]
        },
    )
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [row["operation"] for row in results] == [1, 2, 3, 4]
    assert [row["success"] for row in results] == [False] * 4
    assert results[0]["error"] == f"Signal {done} was executed already"
    assert results[1]["error"] == "Signal not found"
    assert results[2]["error"] == "Trade not found"
    assert "is completed" in results[3]["error"]
    assert all("trade_id" not in row for row in results)


def test_execute_while_stopped_is_403(client: httpx.Client) -> None:
    client.post("/trading/stop")
    answer = client.post(
        "/batch/trades", json={"operations": [{"type": "execute_signal", "signal_id": 1}]}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "TRADING_DISABLED")


def test_signal_that_was_stopped_is_executed_by_hand(make_engine: MakeEngine) -> None:
    """The trend filter stops every signal; a person trades one while its spread stands."""
    engine = make_engine(
        ARBITER__SPOT__USE_TREND_FILTER="true",
        ARBITER__SPOT__TREND_CONFIRMATION_THRESHOLD="0.05",
        ARBITER__SIM__DISLOCATIONS__PER_MINUTE="120",
        ARBITER__SIM__DISLOCATIONS__HOLD_MS_SHORTEST="3000",
        ARBITER__SIM__DISLOCATIONS__HOLD_MS_LONGEST="6000",
    )
    with engine.client() as client:
        traded: list[dict[str, Any]] = []

        def try_newest() -> bool:
            rows = client.get("/signals", params={"limit": 3}).json()["signals"]
            operations = [{"type": "execute_signal", "signal_id": row["id"]} for row in rows]
            if operations:
                answer = client.post("/batch/trades", json={"operations": operations}).json()
                traded.extend(row for row in answer["results"] if row["success"])
            return bool(traded)

        until(try_newest)
        trade = client.get(f"/trades/{traded[0]['trade_id']}").json()
        signal = client.get("/signals", params={"executed": True}).json()["signals"]
        assert trade["signal_id"] in [row["id"] for row in signal]
        core = engine.running.engine.core
        made = [*core.ledger.trades.values(), *core.ledger.closed_trades.values()]
        # What a trade leaves over is sold by the engine itself.
        assert {t.actor for t in made if t.family is Family.SPOT} == {"api:spot"}
        until(
            lambda: (
                client.get(f"/trades/{trade['id']}").json()["status"]
                in {"completed", "failed", "cancelled"}
            )
        )
