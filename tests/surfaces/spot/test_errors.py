"""Errors have one shape, whoever raises them: we, the framework, or a bug."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from arbiter.model.ids import VenueId
from tests.surfaces.spot.conftest import MakeEngine
from tests.surfaces.spot.harness import LiveEngine
from tests.surfaces.spot.samples import ERROR, check_shape

FIGURES = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-type")


def error_of(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"error"}
    check_shape(ERROR, answer.json())
    error: dict[str, Any] = answer.json()["error"]
    assert error["code"] == code
    assert "Traceback" not in answer.text
    for name in FIGURES:
        assert name in answer.headers
    return error


@pytest.mark.parametrize(
    "path",
    [
        "/prices/current?symbol=INVALID",
        "/spreads/current?symbol=INVALID",
        "/trades?symbol=INVALID",
        "/signals?symbol=INVALID",
        "/prices/history?symbol=INVALID&start_time=1&end_time=2",
    ],
)
def test_unknown_symbol_names_the_valid_ones(client: httpx.Client, path: str) -> None:
    error = error_of(client.get(path), 400, "INVALID_SYMBOL")
    assert error["message"] == "Symbol 'INVALID' is not supported"
    assert error["details"]["provided_symbol"] == "INVALID"
    assert {"BTCUSDT", "ETHUSDT"} <= set(error["details"]["valid_symbols"])
    assert len(error["details"]["valid_symbols"]) == 8


def test_unknown_symbol_in_a_body_is_the_same(client: httpx.Client) -> None:
    for answer in (
        client.post("/trading/start", json={"symbols": ["INVALID"]}),
        client.post(
            "/analytics/query",
            json={"query_type": "symbol_performance", "parameters": {"symbols": ["INVALID"]}},
        ),
    ):
        error_of(answer, 400, "INVALID_SYMBOL")


@pytest.mark.parametrize(
    "path",
    [
        "/prices/current?exchange=nowhere",
        "/prices/history",
        "/prices/history?symbol=BTCUSDT",
        "/prices/history?symbol=BTCUSDT&start_time=x&end_time=1",
        "/prices/history?symbol=BTCUSDT&start_time=2&end_time=1",
        "/prices/history?symbol=BTCUSDT&start_time=1e400&end_time=2",
        "/prices/history?symbol=BTCUSDT&start_time=nan&end_time=2",
        "/prices/history?symbol=BTCUSDT&start_time=0&end_time=1700000000&interval=1m",
        "/prices/history?symbol=BTCUSDT&start_time=1&end_time=2&interval=2m",
        "/spreads/current?min_profit=inf",
        "/spreads/current?min_profit=much",
        "/trades?limit=0",
        "/trades?limit=many",
        "/trades?offset=-1",
        "/trades?start_date=01-02-2024",
        "/trades?start_date=2024-02-30",
        "/trades?start_date=2024-W01-1",
        "/trades?start_date=2024-02-02&end_date=2024-02-01",
        "/trades?status=done",
        "/trades/abc",
        "/signals?executed=perhaps",
        "/signals?start_time=yesterday",
        "/performance?period=decade",
        "/performance?start_date=9999-12-31",
        "/performance?start_date=2024-02-02&end_date=2024-02-01",
    ],
)
def test_bad_parameter_is_400_and_never_422(client: httpx.Client, path: str) -> None:
    error_of(client.get(path), 400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    "path",
    [
        "/trades?start_date=9998-01-01",
        "/trades?end_date=9998-12-31",
        "/signals?start_time=253402300799",
        "/signals?end_time=253402300799",
        "/signals?start_time=0001-01-01T00:00:00Z",
        "/prices/history?symbol=BTCUSDT&start_time=253402300000&end_time=253402300799&interval=1m",
        "/performance?start_date=9998-01-01",
        "/performance?start_date=1970-01-01&end_date=9998-12-31",
    ],
)
def test_times_of_which_nothing_can_be_kept_are_answered(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert client.get("/performance").status_code == 200


def test_all_that_came_until_the_last_of_days_is_all(client: httpx.Client) -> None:
    far = {"query_type": "symbol_performance", "parameters": {"end_date": "9998-12-31"}}
    assert client.post("/analytics/query", json=far).status_code == 200
    before = client.get("/signals?end_time=4102444800&limit=1").json()["total_count"]
    every = client.get("/signals?end_time=253402300799&limit=1").json()["total_count"]
    assert every >= before > 0  # some may have come in between


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/trading/start", {"mode": "fast"}),
        ("/trading/start", {"mod": "live"}),
        ("/trading/start", {"exchanges": ["nowhere"]}),
        ("/batch/trades", {}),
        ("/batch/trades", {"operations": []}),
        ("/batch/trades", {"operations": [{"type": "nothing"}]}),
        ("/batch/trades", {"operations": [{"type": "execute_signal", "signal_id": 0}]}),
        (
            "/batch/trades",
            {"operations": [{"type": "execute_signal", "signal_id": 1, "quantity": -1}]},
        ),
        ("/analytics/query", {"query_type": "all"}),
        ("/analytics/query", {"query_type": "symbol_performance", "parameters": {"metrics": []}}),
        ("/risk/emergency-stop", {"reason": 5}),
        ("/risk/emergency-stop", {"forced": True}),
        ("/auth/login", {"username": "admin"}),
    ],
)
def test_bad_body_is_400_and_does_nothing(
    client: httpx.Client, engine: LiveEngine, path: str, body: dict[str, Any]
) -> None:
    error_of(client.post(path, json=body), 400, "INVALID_REQUEST")
    assert not engine.running.engine.core.ledger.kill_switch.engaged


@pytest.mark.parametrize(
    "body", ["{", "[]", '"x"', '{"mode": NaN}', '{"reason": "\\ud800"}', "\x00"]
)
def test_malformed_json_is_400(client: httpx.Client, body: str) -> None:
    headers = {"content-type": "application/json"}
    for path in ("/trading/start", "/batch/trades", "/analytics/query", "/risk/emergency-stop"):
        error_of(client.post(path, content=body, headers=headers), 400, "INVALID_REQUEST")


def test_body_that_is_no_json_names_no_field_of_it(client: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    error = error_of(
        client.post("/trading/start", content='{"mode', headers=headers), 400, "INVALID_REQUEST"
    )
    assert error["details"]["fields"] == ["body"]
    assert error["message"].startswith("body: ")


def test_unknown_records_and_paths_are_404(client: httpx.Client, engine: LiveEngine) -> None:
    assert (
        error_of(client.get("/trades/999999999"), 404, "NOT_FOUND")["message"] == "Trade not found"
    )
    error_of(client.get(f"/trades/{2**70}"), 404, "NOT_FOUND")
    error_of(client.get("/nowhere"), 404, "NOT_FOUND")
    error_of(httpx.get(f"{engine.base}/nowhere"), 404, "NOT_FOUND")


def test_wrong_method_is_405_and_names_the_right_one(client: httpx.Client) -> None:
    answer = client.delete("/status")
    error_of(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET"
    for method in ("DELETE", "OPTIONS"):
        answer = client.request(method, "/trading/config")
        error_of(answer, 405, "METHOD_NOT_ALLOWED")
        assert set(answer.headers["allow"].split(", ")) == {"GET", "PUT"}


def test_large_body_is_413_announced_or_not(client: httpx.Client) -> None:
    large = b'{"reason": "' + b"x" * 300_000 + b'"}'
    error_of(client.post("/risk/emergency-stop", content=large), 413, "BODY_TOO_LARGE")

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(large), 10_000):
            yield large[start : start + 10_000]

    headers = {"content-type": "application/json"}
    answer = client.post("/risk/emergency-stop", content=pieces(), headers=headers)
    error_of(answer, 413, "BODY_TOO_LARGE")


def test_lost_exchange_is_503_by_name(make_engine: MakeEngine) -> None:
    engine = make_engine()
    core = engine.running.engine.core
    okx = VenueId("okx")
    with engine.client() as client:
        engine.do(lambda: core.on_venue_health(okx, connected=False, reason="silent"))
        error = error_of(client.get("/prices/current?exchange=okx"), 503, "EXCHANGE_NOT_AVAILABLE")
        assert error["details"] == {"exchange": "okx", "reason": "silent"}
        answer = client.post("/trading/start", json={"exchanges": ["okx", "bybit"]})
        error_of(answer, 503, "EXCHANGE_NOT_AVAILABLE")
        assert client.get("/status").json()["exchanges"]["okx"]["connected"] is False
        assert client.get("/health").json()["checks"]["exchanges"]["status"] == "warn"
        assert "okx" not in client.get("/prices/current").json()["prices"]["BTCUSDT"]


def test_start_without_money_is_400(make_engine: MakeEngine) -> None:
    engine = make_engine(ARBITER__SIM__STARTING_QUOTE="0")
    with engine.client() as client:
        error = error_of(client.post("/trading/start"), 400, "INSUFFICIENT_BALANCE")
        assert error["details"]["currency"] == "USDT"
        assert error["details"]["available"] == 0.0
        assert error["details"]["required"] > 0


def test_bug_is_500_without_a_word_of_it(make_engine: MakeEngine) -> None:
    engine = make_engine()
    tally = engine.running.spot_tally

    def break_it() -> None:
        tally.signals_last_hour = _secret  # type: ignore[method-assign]

    engine.do(break_it)
    with engine.client() as client:
        answer = client.get("/status")
        error_of(answer, 500, "INTERNAL_ERROR")
        assert "secret" not in answer.text
        assert client.get("/balances").status_code == 200


def _secret(now_ns: int) -> int:
    raise RuntimeError(f"secret {now_ns}")


def test_page_of_a_stranger_may_not_call(client: httpx.Client) -> None:
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"host": "evil.example"},
        {"host": "localhost.evil.example:8080"},
    ):
        error_of(client.post("/trading/stop", headers=headers), 403, "FORBIDDEN")
        error_of(client.get("/balances", headers=headers), 403, "FORBIDDEN")


def test_page_of_this_machine_may_call(client: httpx.Client) -> None:
    origin = "http://localhost:3000"
    answer = client.get("/status", headers={"origin": origin})
    assert answer.headers["access-control-allow-origin"] == origin
    preflight = client.options(
        "/trading/start",
        headers={
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type,x-api-key",
        },
    )
    assert preflight.status_code == 200
    assert "POST" in preflight.headers["access-control-allow-methods"]


def test_cors_off_grants_nothing(make_engine: MakeEngine) -> None:
    engine = make_engine(ARBITER__SPOT_API__CORS_ENABLED="false")
    with engine.client() as client:
        answer = client.get("/status", headers={"origin": "http://localhost:3000"})
        assert "access-control-allow-origin" not in answer.headers
