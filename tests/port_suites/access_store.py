"""What every access store must do; a subclass gives the fixture `store`."""

from uuid import UUID

from arbiter.access.api_keys import ApiKey, digest_of
from arbiter.access.roles import Role
from arbiter.access.store import AccessStore, Family, Rotation
from arbiter.access.users import User, UserId

ALICE = UserId("alice")


def uid(number: int) -> UUID:
    return UUID(int=number)


def user(name: str = "alice", *, role: Role = Role.TRADER, stamp: int = 1) -> User:
    return User(
        user_id=UserId(name),
        role=role,
        password_hash=f"$argon2id$of-{name}",
        stamp=uid(stamp),
        created_ns=1_800_000_000_123_456_789,
    )


def family(number: int, *, current: int, created: int = 100, expires: int = 1_000) -> Family:
    return Family(
        family=uid(number),
        user_id=ALICE,
        current=uid(current),
        expires_ns=expires,
        created_ns=created,
    )


def key(number: int, name: str, role: Role = Role.VIEWER) -> ApiKey:
    return ApiKey(
        key_id=uid(number),
        name=name,
        role=role,
        digest=digest_of(f"arb_{number}"),
        created_ns=1_800_000_000_000_000_000 + number,
    )


class AccessStoreSuite:
    async def test_user_comes_back_as_added(self, store: AccessStore) -> None:
        assert await store.add_user(user())
        assert await store.find_user(ALICE) == user()

    async def test_unknown_user_is_none(self, store: AccessStore) -> None:
        assert await store.find_user(UserId("nobody")) is None

    async def test_taken_user_id_leaves_the_first_user_as_it_was(self, store: AccessStore) -> None:
        await store.add_user(user())
        assert not await store.add_user(user(role=Role.ADMIN, stamp=2))
        assert await store.find_user(ALICE) == user()

    async def test_users_are_listed_by_id(self, store: AccessStore) -> None:
        for name in ("bob", "alice", "Zoe", "telegram:123456"):
            await store.add_user(user(name))
        names = [found.user_id for found in await store.list_users()]
        assert names == ["Zoe", "alice", "bob", "telegram:123456"]

    async def test_role_changes_and_the_one_before_is_told(self, store: AccessStore) -> None:
        await store.add_user(user(role=Role.TRADER))
        assert await store.set_role(ALICE, Role.VIEWER) is Role.TRADER
        assert await store.find_user(ALICE) == user(role=Role.VIEWER)

    async def test_role_of_unknown_user_cannot_change(self, store: AccessStore) -> None:
        assert await store.set_role(ALICE, Role.VIEWER) is None

    async def test_rehash_does_not_undo_a_new_password(self, store: AccessStore) -> None:
        await store.add_user(user())
        await store.set_password(ALICE, "new", uid(2))
        await store.replace_hash(ALICE, user().password_hash, "the old one, rehashed")
        found = await store.find_user(ALICE)
        assert found is not None
        assert (found.password_hash, found.stamp) == ("new", uid(2))

    async def test_rehash_keeps_stamp_and_families(self, store: AccessStore) -> None:
        await store.add_user(user())
        await store.open_family(family(10, current=11), uid(1))
        await store.replace_hash(ALICE, user().password_hash, "rehashed")
        found = await store.find_user(ALICE)
        assert found is not None
        assert (found.password_hash, found.stamp) == ("rehashed", uid(1))
        assert await store.rotate(uid(10), uid(11), uid(12), 2_000, 200) is Rotation.DONE

    async def test_new_password_ends_every_family(self, store: AccessStore) -> None:
        await store.add_user(user())
        await store.open_family(family(10, current=11), uid(1))
        assert await store.set_password(ALICE, "new", uid(2))
        assert await store.rotate(uid(10), uid(11), uid(12), 2_000, 200) is Rotation.GONE

    async def test_password_of_unknown_user_cannot_change(self, store: AccessStore) -> None:
        assert not await store.set_password(ALICE, "new", uid(2))

    async def test_removed_user_takes_the_families_along(self, store: AccessStore) -> None:
        await store.add_user(user())
        await store.open_family(family(10, current=11), uid(1))
        assert await store.remove_user(ALICE)
        await store.add_user(user())
        assert await store.rotate(uid(10), uid(11), uid(12), 2_000, 200) is Rotation.GONE
        assert await store.remove_user(ALICE)
        assert not await store.remove_user(ALICE)

    async def test_family_opens_only_for_the_credential_that_was_checked(
        self, store: AccessStore
    ) -> None:
        assert not await store.open_family(family(10, current=11), uid(1))
        await store.add_user(user(stamp=2))
        assert not await store.open_family(family(10, current=11), uid(1))
        assert await store.open_family(family(10, current=11), uid(2))

    async def test_refresh_tokens_succeed_one_another(self, store: AccessStore) -> None:
        await store.add_user(user())
        await store.open_family(family(10, current=11), uid(1))
        for used in range(11, 15):
            outcome = await store.rotate(uid(10), uid(used), uid(used + 1), 2_000, 200)
            assert outcome is Rotation.DONE

    async def test_second_use_revokes_the_successor_too(self, store: AccessStore) -> None:
        await store.add_user(user())
        await store.open_family(family(10, current=11), uid(1))
        await store.rotate(uid(10), uid(11), uid(12), 2_000, 200)
        assert await store.rotate(uid(10), uid(11), uid(13), 2_000, 300) is Rotation.REUSED
        assert await store.rotate(uid(10), uid(12), uid(14), 2_000, 400) is Rotation.GONE

    async def test_second_use_leaves_other_sign_ins_alone(self, store: AccessStore) -> None:
        await store.add_user(user())
        await store.open_family(family(10, current=11), uid(1))
        await store.open_family(family(20, current=21), uid(1))
        await store.rotate(uid(10), uid(99), uid(12), 2_000, 200)
        assert await store.rotate(uid(20), uid(21), uid(22), 2_000, 300) is Rotation.DONE

    async def test_unknown_family_is_gone(self, store: AccessStore) -> None:
        assert await store.rotate(uid(10), uid(11), uid(12), 2_000, 200) is Rotation.GONE

    async def test_sign_in_clears_away_expired_families_of_that_user(
        self, store: AccessStore
    ) -> None:
        await store.add_user(user())
        await store.open_family(family(10, current=11, expires=1_000), uid(1))
        await store.open_family(family(20, current=21, expires=9_000), uid(1))
        await store.open_family(family(30, current=31, created=5_000, expires=9_000), uid(1))
        assert await store.rotate(uid(10), uid(11), uid(12), 9_500, 5_001) is Rotation.GONE
        assert await store.rotate(uid(20), uid(21), uid(22), 9_500, 5_001) is Rotation.DONE

    async def test_key_is_found_by_its_digest(self, store: AccessStore) -> None:
        assert await store.add_key(key(1, "grafana"))
        assert await store.find_key(digest_of("arb_1")) == key(1, "grafana")
        assert await store.find_key(digest_of("arb_2")) is None

    async def test_live_keys_have_different_names(self, store: AccessStore) -> None:
        await store.add_key(key(1, "grafana"))
        assert not await store.add_key(key(2, "grafana"))
        assert [found.key_id for found in await store.list_keys()] == [uid(1)]

    async def test_name_of_a_revoked_key_is_free_again(self, store: AccessStore) -> None:
        await store.add_key(key(1, "grafana"))
        revoked = await store.revoke_key("grafana", 500)
        assert revoked is not None
        assert (revoked.key_id, revoked.revoked_ns) == (uid(1), 500)
        assert await store.revoke_key("grafana", 600) is None
        assert await store.add_key(key(2, "grafana"))
        listed = [(found.key_id, found.revoked_ns) for found in await store.list_keys()]
        assert listed == [(uid(1), 500), (uid(2), None)]

    async def test_last_use_never_moves_back(self, store: AccessStore) -> None:
        await store.add_key(key(1, "grafana"))
        for at_ns in (500, 900, 700):
            await store.touch_key(uid(1), at_ns)
        found = await store.find_key(digest_of("arb_1"))
        assert found is not None
        assert found.last_used_ns == 900
