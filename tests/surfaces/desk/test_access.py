"""Who may read and who may change, once the desk asks."""

from typing import Any

from arbiter.access.roles import Role
from arbiter.access.tokens import Audience
from arbiter.model.ids import Actor
from tests.surfaces.desk.world import SPOT_ID, World

PASSWORD = "correct horse battery staple"
BUDGET = f"/api/budget/{SPOT_ID}/USDT"


async def log_in(desk: World, name: str, role: Role) -> dict[str, str]:
    await desk.access.add_user(Actor("test"), name, role, PASSWORD)
    answer = await desk.http.post("/api/desk/login", json={"username": name, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def test_reading_needs_a_credential(guarded: World) -> None:
    for path in (
        "/api/trading/orders",
        "/api/trading/fills/summary",
        "/api/budget/registry",
        "/api/desk/overview",
        "/api/desk/orders.csv",
        "/api/desk/session",
    ):
        answer = await guarded.http.get(path)
        assert answer.status_code == 401, path
        assert set(answer.json()) == {"detail"}
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_health_and_documentation_stay_open(guarded: World) -> None:
    for path in ("/health", "/docs", "/redoc", "/openapi.json"):
        assert (await guarded.http.get(path)).status_code == 200


async def test_a_viewer_reads_and_changes_nothing(guarded: World) -> None:
    headers = await log_in(guarded, "vera", Role.VIEWER)
    assert (await guarded.http.get("/api/trading/orders", headers=headers)).status_code == 200
    session = (await guarded.http.get("/api/desk/session", headers=headers)).json()
    assert session == {
        "auth_required": True,
        "actor": "user:vera",
        "role": "viewer",
        "can_trade": False,
        "is_admin": False,
    }
    tries: list[tuple[str, str, dict[str, Any] | None]] = [
        ("PUT", BUDGET, {"allocated": 5}),
        ("DELETE", BUDGET, None),
        ("POST", "/api/desk/kill-switch", {"reason": "no"}),
        ("DELETE", "/api/desk/kill-switch", None),
        ("PUT", f"/api/desk/strategies/{SPOT_ID}", {"running": False}),
        ("PUT", "/api/desk/funding/settings", {"settings": {"max_pairs": 1}}),
    ]
    for method, path, body in tries:
        answer = await guarded.http.request(method, path, json=body, headers=headers)
        assert answer.status_code == 403, path
        assert "needs the role trader" in answer.json()["detail"]
    assert guarded.ledger.budgets == {}
    assert not guarded.ledger.kill_switch.engaged


async def test_a_trader_changes_and_is_named_in_the_audit(guarded: World) -> None:
    headers = await log_in(guarded, "tom", Role.TRADER)
    put = await guarded.http.put(BUDGET, json={"allocated": 5}, headers=headers)
    assert put.status_code == 200
    listed = (await guarded.http.get("/api/trading/audit", headers=headers)).json()
    assert [(row["actor"], row["action"]) for row in listed] == [("user:tom", "budget.set")]


async def test_an_api_key_opens_as_far_as_its_role(guarded: World) -> None:
    made = await guarded.access.create_key(Actor("test"), "grafana", Role.VIEWER)
    headers = {"X-API-Key": made.text}
    assert (await guarded.http.get("/api/trading/fills", headers=headers)).status_code == 200
    put = await guarded.http.put(BUDGET, json={"allocated": 5}, headers=headers)
    assert put.status_code == 403
    await guarded.access.revoke_key(Actor("test"), "grafana")
    assert (await guarded.http.get("/api/trading/fills", headers=headers)).status_code == 401


async def test_a_token_of_another_api_is_refused(guarded: World) -> None:
    await guarded.access.add_user(Actor("test"), "ann", Role.ADMIN, PASSWORD)
    pair = await guarded.access.authenticate("ann", PASSWORD, Audience.SPOT, "127.0.0.1")
    headers = {"Authorization": f"Bearer {pair.access.text}"}
    answer = await guarded.http.get("/api/trading/orders", headers=headers)
    assert answer.status_code == 401
    assert "another API" in answer.json()["detail"]


async def test_a_refresh_token_is_good_once_and_is_no_access_token(guarded: World) -> None:
    await guarded.access.add_user(Actor("test"), "rob", Role.VIEWER, PASSWORD)
    first = await guarded.http.post(
        "/api/desk/login", json={"username": "rob", "password": PASSWORD}
    )
    token = first.json()["refresh_token"]
    as_access = await guarded.http.get(
        "/api/trading/orders", headers={"Authorization": f"Bearer {token}"}
    )
    assert as_access.status_code == 401
    second = await guarded.http.post("/api/desk/refresh", json={"refresh_token": token})
    assert second.status_code == 200
    again = await guarded.http.post("/api/desk/refresh", json={"refresh_token": token})
    assert again.status_code == 401


async def test_a_wrong_password_says_nothing_and_is_throttled(guarded: World) -> None:
    await guarded.access.add_user(Actor("test"), "eve", Role.VIEWER, PASSWORD)
    statuses = []
    for _ in range(40):
        answer = await guarded.http.post(
            "/api/desk/login", json={"username": "eve", "password": "guess"}
        )
        statuses.append(answer.status_code)
        if answer.status_code == 429:
            assert int(answer.headers["retry-after"]) >= 1
            break
        assert answer.json() == {"detail": "the user id or the credential is wrong"}
    assert statuses[0] == 401
    assert statuses[-1] == 429


async def test_who_may_do_what_without_authentication(desk: World) -> None:
    session = await desk.get("/api/desk/session")
    assert session == {
        "auth_required": False,
        "actor": "api:desk",
        "role": "admin",
        "can_trade": True,
        "is_admin": True,
    }
