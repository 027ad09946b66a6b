"""Rate limits as published: per minute and in a burst, with the figures on every answer."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from arbiter.api.common.rate_limit import Rate, RateLimits
from arbiter.api.spot.app import classify
from arbiter.api.spot.deps import SpotApiSettings
from tests.surfaces.spot.conftest import MakeEngine
from tests.surfaces.spot.harness import LiveEngine
from tests.surfaces.spot.test_errors import error_of


@pytest.fixture(scope="module")
def engine(make_engine: MakeEngine) -> LiveEngine:
    """With the published limits."""
    return make_engine(ARBITER__SPOT_API__RATE_LIMIT="0", ARBITER__SPOT_API__WRITE_RATE_LIMIT="0")


def from_address(engine: LiveEngine, last: int) -> httpx.Client:
    """A caller of its own: every address has its own allowance."""
    return engine.client(transport=httpx.HTTPTransport(local_address=f"127.0.0.{last}"))


def test_published_limits_are_the_defaults() -> None:
    settings = SpotApiSettings()
    assert settings.reads == Rate(1_000, 50)
    assert settings.writes == Rate(100, 10)
    assert settings.streams == Rate(10, 3)


def test_figures_count_down_and_name_the_end_of_the_minute(engine: LiveEngine) -> None:
    with from_address(engine, 2) as client:
        first, second = client.get("/status"), client.get("/status")
    assert first.headers["x-ratelimit-limit"] == "1000"
    assert first.headers["x-ratelimit-type"] == "requests"
    counted = int(first.headers["x-ratelimit-remaining"])
    assert int(second.headers["x-ratelimit-remaining"]) == counted - 1
    assert 0 <= int(first.headers["x-ratelimit-reset"]) - time.time() <= 61


def test_writes_have_a_limit_of_their_own(engine: LiveEngine) -> None:
    with from_address(engine, 3) as client:
        write = client.post("/trading/start", json={})
        assert write.headers["x-ratelimit-limit"] == "100"
        query = client.post("/analytics/query", json={"query_type": "symbol_performance"})
        assert query.headers["x-ratelimit-limit"] == "1000"


@pytest.mark.usefixtures("one_moment")
def test_burst_is_429_with_the_time_to_wait(engine: LiveEngine) -> None:
    with from_address(engine, 4) as client, ThreadPoolExecutor(25) as callers:

        def call(_: int) -> httpx.Response:
            return client.post("/trading/start", json={"mode": "fast"})

        answers = list(callers.map(call, range(25)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert sorted(answer.status_code for answer in answers) == [400] * 10 + [429] * 15
    error = error_of(refused[0], 429, "RATE_LIMIT_EXCEEDED")
    assert refused[0].headers["retry-after"] == "1"
    assert error["details"] == {"retry_after": 1}
    assert "10 requests per second" in error["message"]


def test_emergency_stop_and_health_are_never_refused(engine: LiveEngine) -> None:
    with from_address(engine, 5) as client:
        for _ in range(15):
            assert client.post("/risk/emergency-stop", json={"bad": 1}).status_code == 400
        for _ in range(60):
            assert client.get("/health").status_code == 200


def test_minute_is_refused_until_it_ends() -> None:
    limits = RateLimits({"read": Rate(5, 5)})
    now = time.time()
    verdicts = [limits.take("read", "a", now) for _ in range(7)]
    assert [verdict.remaining for verdict in verdicts] == [4, 3, 2, 1, 0, 0, 0]
    assert [verdict.retry_after_s is None for verdict in verdicts] == [True] * 5 + [False] * 2
    wait = verdicts[-1].retry_after_s
    assert wait is not None
    assert 1 <= wait <= 60
    assert verdicts[-1].broken == "5 requests per minute"
    assert limits.take("read", "b", now).retry_after_s is None


@pytest.mark.parametrize(
    ("method", "path", "kind", "exempt"),
    [
        ("GET", "/api/v1/status", "read", False),
        ("GET", "/nowhere", "read", False),
        ("PUT", "/api/v1/trading/config", "write", False),
        ("POST", "/api/v1/analytics/query", "read", False),
        ("POST", "/api/v1/risk/emergency-stop", "write", True),
        ("GET", "/api/v1/health", "read", True),
    ],
)
def test_reads_and_writes_are_told_apart(method: str, path: str, kind: str, exempt: bool) -> None:
    assert classify({"type": "http", "method": method, "path": path}) == (kind, exempt)
