"""Who is let in: nobody without a key or a token, and each as far as the role goes."""

import httpx
import jwt
import pytest

from arbiter.access.roles import Role
from arbiter.access.tokens import Audience
from arbiter.app.config import load
from arbiter.model.errors import BadConfig
from arbiter.model.ids import Actor
from tests.surfaces.spot.conftest import MakeEngine
from tests.surfaces.spot.harness import LiveEngine
from tests.surfaces.spot.test_errors import error_of

KEY = "0f3c9a6be2d84715a9c4"
CLI = Actor("cli")


@pytest.fixture(scope="module")
def engine(make_engine: MakeEngine) -> LiveEngine:
    engine = make_engine(ARBITER__SPOT_API__AUTH_REQUIRED="true", ARBOT_API_KEY=KEY)
    access = engine.running.access
    for name, role in (("admin", Role.ADMIN), ("tina", Role.TRADER), ("vic", Role.VIEWER)):
        engine.wait_for(access.add_user(CLI, name, role, f"correct horse {name}"))
    return engine


def sign_in(client: httpx.Client, name: str) -> dict[str, str]:
    answer = client.post(
        "/auth/login", data={"username": name, "password": f"correct horse {name}"}
    )
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


READS = (
    "/status",
    "/health",
    "/trading/config",
    "/prices/current",
    "/prices/history",
    "/spreads/current",
    "/trades",
    "/trades/1",
    "/signals",
    "/balances",
    "/performance",
    "/risk/limits",
)
WRITES = (
    "/trading/start",
    "/trading/stop",
    "/batch/trades",
    "/analytics/query",
    "/risk/emergency-stop",
)


def test_everything_but_the_log_in_asks_for_a_credential(client: httpx.Client) -> None:
    for path in READS:
        answer = client.get(path)
        error_of(answer, 401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"] == "Bearer"
    for path in WRITES:
        error_of(client.post(path, json={}), 401, "UNAUTHORIZED")
    error_of(client.put("/trading/config", json={}), 401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "wrong"},
        {"X-API-Key": ""},
        {"X-API-Key": KEY[:-1]},
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Basic YWRtaW46YWRtaW4="},
    ],
)
def test_wrong_credential_is_401(client: httpx.Client, headers: dict[str, str]) -> None:
    error_of(client.get("/status", headers=headers), 401, "UNAUTHORIZED")


def test_key_of_the_environment_opens_everything(client: httpx.Client) -> None:
    headers = {"X-API-Key": KEY}
    assert client.get("/status", headers=headers).status_code == 200
    body = {"arbitrage": {"trade_amount_usd": 60}}
    assert client.put("/trading/config", json=body, headers=headers).status_code == 200


def test_made_key_goes_as_far_as_its_role(client: httpx.Client, engine: LiveEngine) -> None:
    made = engine.wait_for(engine.running.access.create_key(CLI, "grafana", Role.VIEWER))
    headers = {"X-API-Key": made.text}
    assert client.get("/balances", headers=headers).status_code == 200
    error_of(client.post("/trading/stop", headers=headers), 403, "FORBIDDEN")
    engine.wait_for(engine.running.access.revoke_key(CLI, "grafana"))
    error_of(client.get("/balances", headers=headers), 401, "UNAUTHORIZED")


def test_log_in_takes_a_form_and_json(client: httpx.Client) -> None:
    given = {"username": "admin", "password": "correct horse admin"}
    for answer in (client.post("/auth/login", data=given), client.post("/auth/login", json=given)):
        body = answer.json()
        assert body["token_type"] == "bearer"
        assert 3590 <= body["expires_in"] <= 3600
        headers = {"Authorization": f"Bearer {body['access_token']}"}
        assert client.get("/trades", headers=headers).status_code == 200


@pytest.mark.parametrize("name", ["admin", "nobody", "not a user!"])
def test_wrong_password_does_not_say_what_was_wrong(client: httpx.Client, name: str) -> None:
    answer = client.post("/auth/login", json={"username": name, "password": "no"})
    error = error_of(answer, 401, "UNAUTHORIZED")
    assert error["message"] == "the user id or the credential is wrong"


def test_roles_go_as_far_as_they_go(client: httpx.Client) -> None:
    viewer, trader, admin = (sign_in(client, name) for name in ("vic", "tina", "admin"))
    body = {"arbitrage": {"trade_amount_usd": 55}}
    for who in (viewer, trader, admin):
        assert client.get("/performance", headers=who).status_code == 200
    error_of(client.post("/trading/start", headers=viewer), 403, "FORBIDDEN")
    error_of(client.post("/risk/emergency-stop", headers=viewer), 403, "FORBIDDEN")
    error_of(client.post("/trading/stop", headers=viewer), 403, "FORBIDDEN")
    cancel = {"operations": [{"type": "cancel_trade", "trade_id": 1}]}
    error_of(client.post("/batch/trades", json=cancel, headers=viewer), 403, "FORBIDDEN")
    assert client.post("/batch/trades", json=cancel, headers=trader).status_code == 200
    assert client.post("/trading/start", headers=trader).status_code == 200
    error_of(client.put("/trading/config", json=body, headers=trader), 403, "FORBIDDEN")
    assert client.put("/trading/config", json=body, headers=admin).status_code == 200


def test_change_is_audited_with_its_actor(client: httpx.Client, engine: LiveEngine) -> None:
    headers = sign_in(client, "admin")
    body = {"arbitrage": {"trade_amount_usd": 51}}
    assert client.put("/trading/config", json=body, headers=headers).status_code == 200
    change = engine.running.engine.core.ledger.settings["spot.trade_amount_usd"]
    assert (change.actor, change.after) == ("user:admin", "51")


def test_token_of_another_surface_or_secret_is_401(
    client: httpx.Client, engine: LiveEngine
) -> None:
    access = engine.running.access
    pair = engine.wait_for(
        access.authenticate("admin", "correct horse admin", Audience.CONTROL, "127.0.0.1")
    )
    ours = sign_in(client, "admin")["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(ours, options={"verify_signature": False})
    forged = jwt.encode(claims, "x" * 48, algorithm="HS256")
    for token in (pair.access.text, pair.refresh.text, forged):
        answer = client.get("/status", headers={"Authorization": f"Bearer {token}"})
        error_of(answer, 401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ARBITER__LISTEN__SPOT_HOST": "0.0.0.0"}, "set spot_api.auth_required"),
        ({"ARBOT_API_KEY": "short"}, "at least 16 random characters"),
        ({"ARBOT_API_KEY": "your-secret-api-key"}, "at least 16 random characters"),
        ({"ARBITER__SPOT_API__CORS_ORIGINS": "*"}, "needs spot_api.auth_required"),
        ({"ARBITER__SPOT_API__SSL_CERT": "/x"}, "belong together"),
    ],
)
def test_unsafe_listener_is_refused_at_start(changes: dict[str, str], said: str) -> None:
    with pytest.raises(BadConfig, match=said):
        load(environment=changes)
