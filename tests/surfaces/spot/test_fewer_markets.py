"""A start with fewer markets than were traded before: by the settings, or delisted by a venue."""

import httpx

from tests.surfaces.spot.conftest import MakeEngine, until
from tests.surfaces.spot.harness import free_port


def test_engine_starts_and_trades_with_fewer_markets_than_it_traded_and_holds(
    make_engine: MakeEngine,
) -> None:
    port = free_port()
    engine = make_engine(
        ARBITER__LISTEN__AGENTS_ENABLED="true", ARBITER__LISTEN__AGENTS_PORT=str(port)
    )
    agents = f"http://127.0.0.1:{port}/api/v1"
    symbols = [symbol.replace("/", "") for symbol in engine.running.tuning.allowed_symbols]
    gone, kept = symbols[2:], symbols[:2]

    def traded(client: httpx.Client) -> set[str]:
        rows = client.get("/trades?limit=500").json()["trades"]
        return {row["symbol"] for row in rows}

    def held() -> dict[str, float]:
        rows = httpx.get(f"{agents}/positions").json()["positions"]
        return {row["symbol"]: row["quantity"] for row in rows if row["exit_time"] is None}

    with engine.client() as client:
        until(lambda: bool(traded(client) & set(gone)))
        order = {"symbol": gone[-1], "side": "BUY", "type": "MARKET", "quantity": 100}
        assert httpx.post(f"{agents}/orders", json=order).status_code == 201
        until(lambda: bool(held()))
    before = held()
    engine.stop()
    engine.environment["ARBITER__SIM__SYMBOLS"] = str(len(kept))
    engine.start()
    with engine.client() as client:
        already = client.get("/trades?limit=1").json()["total_count"]
        until(lambda: client.get("/trades?limit=1").json()["total_count"] > already)
        assert traded(client) & set(gone)
        assert held() == before, "what cannot be traded here is still there and still told"
        stopped = client.post("/risk/emergency-stop", json={"force": True}).json()
    (told,) = [venue for venue in stopped["exchanges"] if not venue["flat"]]
    assert told["exchange"] == "binance"
