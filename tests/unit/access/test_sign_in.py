"""Signing in and staying signed in."""

import asyncio

import pytest
from argon2 import PasswordHasher, extract_parameters

from arbiter.access.passwords import PasswordSettings
from arbiter.access.roles import Role
from arbiter.access.throttle import ThrottleSettings
from arbiter.access.tokens import Audience
from arbiter.access.users import User, UserId
from arbiter.model.errors import InvalidValue, RateLimited, StorageUnavailable, Unauthenticated
from arbiter.model.ids import Actor
from tests.fakes.access import Access
from tests.fakes.access_store import MemoryAccessStore

CLI = Actor("cli")
CONTROL = Audience.CONTROL
PEER = "127.0.0.1"


async def fail_to_sign_in(access: Access, user_id: str = "alice") -> None:
    with pytest.raises(Unauthenticated, match="the user id or the credential is wrong"):
        await access.service.authenticate(user_id, "wrong horse", CONTROL, PEER)


async def test_right_credential_gives_a_pair_that_works(access: Access) -> None:
    pair = await access.service.authenticate("alice", "correct horse", CONTROL, PEER)
    principal = await access.service.verify_access(pair.access.text, CONTROL)
    assert (principal.actor, principal.user_id, principal.role) == (
        "user:alice",
        "alice",
        Role.TRADER,
    )


async def test_unknown_user_costs_the_same_work(access: Access) -> None:
    store = access.store
    assert isinstance(store, MemoryAccessStore)
    spent = []
    for user_id in ("alice", "nobody"):
        access.executor.submitted.clear()
        before = store.calls
        await fail_to_sign_in(access, user_id)
        spent.append((len(access.executor.submitted), store.calls - before))
    assert spent[0] == spent[1] == (1, 1)


async def test_unknown_user_is_checked_against_a_hash_of_the_same_cost(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = []

    def weigh(hasher: PasswordHasher, stored: str, secret: bytes) -> bool:
        costs.append(extract_parameters(stored))
        return real(hasher, stored, secret)

    real = PasswordHasher.verify
    monkeypatch.setattr(PasswordHasher, "verify", weigh)
    await fail_to_sign_in(access, "alice")
    await fail_to_sign_in(access, "nobody")
    assert len(costs) == 2
    assert costs[0] == costs[1]


async def test_failed_log_in_is_audited_with_its_peer(access: Access) -> None:
    await fail_to_sign_in(access)
    (entry,) = access.log
    assert (entry.action, entry.actor, entry.entity) == (
        "login.failed",
        "peer:127.0.0.1",
        "user:alice",
    )


async def test_no_credential_and_no_token_reaches_the_audit_log(access: Access) -> None:
    await fail_to_sign_in(access)
    pair = await access.service.authenticate("alice", "correct horse", CONTROL, PEER)
    renewed = await access.service.refresh(pair.refresh.text, CONTROL)
    key = await access.service.create_key(CLI, "grafana", Role.VIEWER)
    await access.service.change_credential(CLI, "alice", "new battery")
    written = repr(access.log)
    for secret in (
        "wrong horse",
        "correct horse",
        "new battery",
        "$argon2id$",
        pair.access.text,
        renewed.refresh.text,
        key.text,
    ):
        assert secret not in written


@pytest.mark.parametrize("user_id", ["", "a b", "a\n", "a\x00", "\ud800", "x" * 129])
async def test_malformed_user_id_is_refused_before_any_work(access: Access, user_id: str) -> None:
    with pytest.raises(InvalidValue):
        await access.service.authenticate(user_id, "correct horse", CONTROL, PEER)
    assert not access.executor.submitted


async def test_guessing_is_slowed_and_the_right_credential_waits_too(access: Access) -> None:
    for _ in range(5):
        await fail_to_sign_in(access)
    done = len(access.executor.submitted)
    with pytest.raises(RateLimited) as refused:
        await access.service.authenticate("alice", "correct horse", CONTROL, "10.0.0.1")
    assert refused.value.retry_after_ms == 1_000
    assert len(access.executor.submitted) == done
    access.clock.wind(1)
    assert await access.service.authenticate("alice", "correct horse", CONTROL, "10.0.0.1")


async def test_unknown_user_is_throttled_like_a_known_one(access: Access) -> None:
    for _ in range(5):
        await fail_to_sign_in(access, "nobody")
    with pytest.raises(RateLimited, match="try again in 1 s"):
        await access.service.authenticate("nobody", "guess", CONTROL, PEER)


async def test_lost_database_is_not_held_against_the_user(store: MemoryAccessStore) -> None:
    access = Access(store, ThrottleSettings(free_tries_per_user=1))
    await access.service.add_user(CLI, "alice", Role.TRADER, "correct horse")
    store.away = True
    for _ in range(5):
        with pytest.raises(StorageUnavailable):
            await access.service.authenticate("alice", "correct horse", CONTROL, PEER)
    store.away = False
    assert await access.service.authenticate("alice", "correct horse", CONTROL, PEER)


async def test_sign_in_brings_an_old_hash_up_to_date(access: Access) -> None:
    store = access.store
    assert isinstance(store, MemoryAccessStore)
    dearer = access.another_process(PasswordSettings(passes=2, memory_kib=64, lanes=1))
    pair = await dearer.authenticate("alice", "correct horse", CONTROL, PEER)
    assert extract_parameters(store.users[UserId("alice")].password_hash).time_cost == 2
    assert await dearer.verify_access(pair.access.text, CONTROL)
    assert await dearer.authenticate("alice", "correct horse", CONTROL, PEER)


async def test_credential_changed_while_it_was_checked_opens_nothing(access: Access) -> None:
    class ChangedMeanwhile(MemoryAccessStore):
        async def find_user(self, user_id: UserId) -> User | None:
            found = await super().find_user(user_id)
            await self.set_password(user_id, "another", access.ids.new_id())
            return found

    racing = Access(ChangedMeanwhile())
    await racing.service.add_user(CLI, "alice", Role.TRADER, "correct horse")
    with pytest.raises(Unauthenticated):
        await racing.service.authenticate("alice", "correct horse", CONTROL, PEER)


# One-time codes


async def test_guessing_codes_is_slowed_and_noted_and_the_right_one_forgives(
    access: Access,
) -> None:
    async def redeem(code: str, redeemer: str = "telegram:7", peer: str = PEER) -> User:
        return (await access.service.redeem_link(code, redeemer, CONTROL, peer))[0]

    code = await access.service.make_link(CLI, "alice")
    for _ in range(5):
        with pytest.raises(Unauthenticated, match="wrong, used or old"):
            await redeem("A" * 10)
    assert access.actions()[-5:] == ["link.failed"] * 5
    with pytest.raises(RateLimited, match="try again in 1 s"):
        await redeem(code)
    access.clock.wind(1)
    assert (await redeem(code)).user_id == "alice"
    with pytest.raises(Unauthenticated):
        await redeem(code)
    for number in range(19):
        with pytest.raises(Unauthenticated):
            await redeem("A" * 10, f"telegram:{number}", "10.0.0.1")
    await redeem(await access.service.make_link(CLI, "alice"), "telegram:90", "10.0.0.1")
    with pytest.raises(Unauthenticated):
        await redeem("A" * 10, "telegram:91", "10.0.0.1")
    with pytest.raises(RateLimited):
        await redeem(code, "telegram:92", "10.0.0.1")


# Refreshing


async def test_refresh_needs_no_living_access_token(access: Access) -> None:
    pair = await access.service.authenticate("alice", "correct horse", CONTROL, PEER)
    access.clock.wind(4_000)
    with pytest.raises(Unauthenticated, match="expired"):
        await access.service.verify_access(pair.access.text, CONTROL)
    renewed = await access.service.refresh(pair.refresh.text, CONTROL)
    assert renewed.refresh.text != pair.refresh.text
    assert await access.service.verify_access(renewed.access.text, CONTROL)


async def test_reused_refresh_token_revokes_its_family(access: Access) -> None:
    stolen = await access.service.authenticate("alice", "correct horse", CONTROL, PEER)
    renewed = await access.service.refresh(stolen.refresh.text, CONTROL)
    with pytest.raises(Unauthenticated, match="used before"):
        await access.service.refresh(stolen.refresh.text, CONTROL)
    with pytest.raises(Unauthenticated, match="has ended"):
        await access.service.refresh(renewed.refresh.text, CONTROL)
    assert access.actions()[-1] == "refresh_token.reused"


async def test_reused_refresh_token_leaves_other_sign_ins_alone(access: Access) -> None:
    phone = await access.service.authenticate("alice", "correct horse", CONTROL, PEER)
    desk = await access.service.authenticate("alice", "correct horse", Audience.DESK, PEER)
    await access.service.refresh(phone.refresh.text, CONTROL)
    with pytest.raises(Unauthenticated):
        await access.service.refresh(phone.refresh.text, CONTROL)
    assert await access.service.refresh(desk.refresh.text, Audience.DESK)


async def test_one_refresh_token_used_by_two_at_once_ends_the_sign_in(access: Access) -> None:
    pair = await access.service.authenticate("alice", "correct horse", CONTROL, PEER)
    answers = await asyncio.gather(
        *(access.service.refresh(pair.refresh.text, CONTROL) for _ in range(2)),
        return_exceptions=True,
    )
    (winner,) = [one for one in answers if not isinstance(one, BaseException)]
    with pytest.raises(Unauthenticated):
        await access.service.refresh(winner.refresh.text, CONTROL)


async def test_access_token_refreshes_nothing(access: Access) -> None:
    pair = await access.service.authenticate("alice", "correct horse", CONTROL, PEER)
    with pytest.raises(Unauthenticated):
        await access.service.refresh(pair.access.text, CONTROL)
    assert await access.service.refresh(pair.refresh.text, CONTROL)


async def test_refresh_at_another_surface_fails_and_costs_the_token_nothing(
    access: Access,
) -> None:
    pair = await access.service.authenticate("alice", "correct horse", CONTROL, PEER)
    with pytest.raises(Unauthenticated, match="another API"):
        await access.service.refresh(pair.refresh.text, Audience.DESK)
    assert await access.service.refresh(pair.refresh.text, CONTROL)
