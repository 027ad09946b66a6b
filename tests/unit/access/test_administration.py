"""Users and keys are managed, and every change counts where it should."""

import asyncio

import pytest

from arbiter.access.api_keys import NewKey, mint, same_key
from arbiter.access.directory import TRUSTED_NS
from arbiter.access.roles import Role
from arbiter.access.tokens import Audience
from arbiter.access.users import User, UserId
from arbiter.model.errors import (
    Conflict,
    InvalidValue,
    NotFound,
    StorageUnavailable,
    Unauthenticated,
)
from arbiter.model.ids import Actor
from arbiter.model.time import NS_PER_S
from tests.fakes.access import Access, DerivedBytes
from tests.fakes.access_store import MemoryAccessStore

CLI = Actor("cli")
CONTROL = Audience.CONTROL
TRUSTED_S = TRUSTED_NS / NS_PER_S


async def signed_in(access: Access) -> str:
    pair = await access.service.authenticate("alice", "correct horse", CONTROL, "127.0.0.1")
    return pair.access.text


async def made_key(access: Access, role: Role = Role.VIEWER) -> NewKey:
    return await access.service.create_key(CLI, "grafana", role)


# Users


async def test_user_id_is_taken_once(access: Access) -> None:
    with pytest.raises(Conflict, match="'alice' exists already"):
        await access.service.add_user(CLI, "alice", Role.ADMIN, "another horse")
    assert not access.log


async def test_role_counts_for_tokens_already_issued(access: Access) -> None:
    token = await signed_in(access)
    assert (await access.service.verify_access(token, CONTROL)).role is Role.TRADER
    await access.service.set_role(CLI, "alice", Role.VIEWER)
    assert (await access.service.verify_access(token, CONTROL)).role is Role.VIEWER


async def test_role_changed_by_another_process_counts_within_moments(access: Access) -> None:
    token = await signed_in(access)
    await access.service.verify_access(token, CONTROL)
    await access.another_process().set_role(CLI, "alice", Role.VIEWER)
    access.clock.wind(TRUSTED_S)
    assert (await access.service.verify_access(token, CONTROL)).role is Role.VIEWER


async def test_role_changed_while_the_old_one_was_being_read_counts_from_the_next_call() -> None:
    class Slow(MemoryAccessStore):
        reading = asyncio.Event()
        go_on = asyncio.Event()

        async def find_user(self, user_id: UserId) -> User | None:
            found = await super().find_user(user_id)
            self.reading.set()
            await self.go_on.wait()
            return found

    store = Slow()
    store.go_on.set()
    slow = Access(store)
    await slow.service.add_user(CLI, "alice", Role.TRADER, "correct horse")
    token = await signed_in(slow)
    store.reading.clear()
    store.go_on.clear()
    verifying = asyncio.create_task(slow.service.verify_access(token, CONTROL))
    await store.reading.wait()
    await slow.service.set_role(CLI, "alice", Role.VIEWER)
    store.go_on.set()
    await verifying
    assert (await slow.service.verify_access(token, CONTROL)).role is Role.VIEWER


async def test_new_credential_ends_every_token_of_the_old_one(access: Access) -> None:
    pair = await access.service.authenticate("alice", "correct horse", CONTROL, "127.0.0.1")
    await access.service.verify_access(pair.access.text, CONTROL)
    await access.service.change_credential(CLI, "alice", "new battery")
    with pytest.raises(Unauthenticated):
        await access.service.verify_access(pair.access.text, CONTROL)
    with pytest.raises(Unauthenticated):
        await access.service.refresh(pair.refresh.text, CONTROL)
    with pytest.raises(Unauthenticated):
        await signed_in(access)
    assert await access.service.authenticate("alice", "new battery", CONTROL, "127.0.0.1")


async def test_removed_user_is_out_at_once_and_the_next_of_that_name_is_another(
    access: Access,
) -> None:
    pair = await access.service.authenticate("alice", "correct horse", CONTROL, "127.0.0.1")
    await access.service.verify_access(pair.access.text, CONTROL)
    await access.service.remove_user(CLI, "alice")
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await access.service.verify_access(pair.access.text, CONTROL)
        with pytest.raises(Unauthenticated):
            await access.service.refresh(pair.refresh.text, CONTROL)
        if not await access.service.list_users():
            await access.service.add_user(CLI, "alice", Role.ADMIN, "correct horse")


async def test_user_removed_by_another_process_is_out_within_moments(access: Access) -> None:
    token = await signed_in(access)
    await access.service.verify_access(token, CONTROL)
    await access.another_process().remove_user(CLI, "alice")
    access.clock.wind(TRUSTED_S)
    with pytest.raises(Unauthenticated):
        await access.service.verify_access(token, CONTROL)


async def test_changes_to_unknown_users_are_refused(access: Access) -> None:
    with pytest.raises(NotFound):
        await access.service.set_role(CLI, "nobody", Role.ADMIN)
    with pytest.raises(NotFound):
        await access.service.change_credential(CLI, "nobody", "correct horse")
    with pytest.raises(NotFound):
        await access.service.remove_user(CLI, "nobody")
    assert not access.log


async def test_every_change_is_audited_with_its_actor(access: Access) -> None:
    await access.service.add_user(CLI, "bob", Role.VIEWER, "bob's horse")
    await access.service.set_role(CLI, "bob", Role.ADMIN)
    await access.service.change_credential(CLI, "bob", "bob's battery")
    await access.service.remove_user(CLI, "bob")
    await made_key(access)
    await access.service.revoke_key(CLI, "grafana")
    rows = [(entry.action, entry.entity, entry.before, entry.after) for entry in access.log]
    assert rows == [
        ("user.added", "user:bob", "", "viewer"),
        ("user.role_changed", "user:bob", "viewer", "admin"),
        ("user.credential_changed", "user:bob", "", ""),
        ("user.removed", "user:bob", "", ""),
        ("key.created", "key:grafana", "", "viewer"),
        ("key.revoked", "key:grafana", "", ""),
    ]
    assert {entry.actor for entry in access.log} == {CLI}


async def test_verifying_asks_the_database_once_in_a_while(access: Access) -> None:
    store = access.store
    assert isinstance(store, MemoryAccessStore)
    token = await signed_in(access)
    before = store.calls
    for _ in range(100):
        await access.service.verify_access(token, CONTROL)
    assert store.calls - before == 1


async def test_callers_are_known_while_the_database_is_away(access: Access) -> None:
    store = access.store
    assert isinstance(store, MemoryAccessStore)
    token, key = await signed_in(access), await made_key(access)
    restarted = access.another_process()
    await restarted.load()
    store.away = True
    access.clock.wind(600)
    assert (await restarted.verify_access(token, CONTROL)).user_id == "alice"
    assert (await restarted.verify_api_key(key.text)).actor == "key:grafana"


async def test_stranger_is_not_let_in_because_the_database_is_away(access: Access) -> None:
    store = access.store
    assert isinstance(store, MemoryAccessStore)
    store.away = True
    with pytest.raises(StorageUnavailable):
        await access.service.verify_api_key(mint(DerivedBytes()))


# API keys


async def test_key_is_recognised_and_random(access: Access) -> None:
    key = await made_key(access)
    assert key.text.startswith("arb_")
    assert len(key.text) == 4 + 43
    assert (await access.service.create_key(CLI, "other", Role.VIEWER)).text != key.text
    principal = await access.service.verify_api_key(key.text)
    assert (principal.actor, principal.user_id, principal.role) == (
        "key:grafana",
        None,
        Role.VIEWER,
    )


async def test_store_never_sees_a_key(access: Access) -> None:
    store = access.store
    assert isinstance(store, MemoryAccessStore)
    key = await made_key(access)
    (kept,) = store.keys.values()
    assert len(kept.digest) == 32
    assert key.text.encode() not in kept.digest
    assert key.text not in repr(key) + repr(kept)


@pytest.mark.parametrize("change", [str.upper, lambda text: text[:-1], lambda text: text[4:]])
async def test_key_off_by_anything_is_unknown(access: Access, change: object) -> None:
    assert callable(change)
    key = await made_key(access)
    with pytest.raises(Unauthenticated):
        await access.service.verify_api_key(change(key.text))


@pytest.mark.parametrize("text", ["", "arb_", "arb_\ud800", "é"])
async def test_rubbish_is_no_key(access: Access, text: str) -> None:
    with pytest.raises(Unauthenticated):
        await access.service.verify_api_key(text)


async def test_revoked_key_is_out_at_once(access: Access) -> None:
    key = await made_key(access)
    await access.service.verify_api_key(key.text)
    await access.service.revoke_key(CLI, "grafana")
    with pytest.raises(Unauthenticated):
        await access.service.verify_api_key(key.text)
    with pytest.raises(NotFound):
        await access.service.revoke_key(CLI, "grafana")


async def test_key_made_by_another_process_works_at_once(access: Access) -> None:
    key = await access.another_process().create_key(CLI, "grafana", Role.VIEWER)
    assert await access.service.verify_api_key(key.text)


async def test_live_key_keeps_its_name_to_itself(access: Access) -> None:
    await made_key(access)
    with pytest.raises(Conflict, match="revoke it or use another name"):
        await made_key(access)
    await access.service.revoke_key(CLI, "grafana")
    assert await made_key(access)


@pytest.mark.parametrize("name", ["", "two words", "x" * 65, "a\n"])
async def test_key_needs_a_proper_name(access: Access, name: str) -> None:
    with pytest.raises(InvalidValue):
        await access.service.create_key(CLI, name, Role.VIEWER)


async def test_last_use_is_noted_once_a_minute(access: Access) -> None:
    key = await made_key(access)
    first = access.clock.now_ns()
    await access.service.verify_api_key(key.text)
    access.clock.wind(59)
    await access.service.verify_api_key(key.text)
    (listed,) = await access.service.list_keys()
    assert listed.last_used_ns == first
    access.clock.wind(1)
    await access.service.verify_api_key(key.text)
    (listed,) = await access.service.list_keys()
    assert listed.last_used_ns == access.clock.now_ns()


def test_configured_key_is_compared_whole() -> None:
    assert same_key("your-own-key", "your-own-key")
    assert not same_key("your-own-ke", "your-own-key")
    assert not same_key("", "your-own-key")
