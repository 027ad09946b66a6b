"""Credentials are hashed with argon2id, off the loop, and never cheaper for a name unknown."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import extract_parameters

from arbiter.access.passwords import Passwords, PasswordSettings
from arbiter.model.errors import BadConfig, InvalidValue, RateLimited
from tests.fakes.access import CHEAP_HASHING, DerivedBytes, InlineExecutor


def passwords(settings: PasswordSettings = CHEAP_HASHING) -> Passwords:
    return Passwords(settings, InlineExecutor(), DerivedBytes())


async def test_credential_matches_only_its_own_hash() -> None:
    keeper = passwords()
    stored = await keeper.hash("correct horse")
    assert (await keeper.check(stored, "correct horse")).matches
    assert not (await keeper.check(stored, "correct horsf")).matches
    assert not (await keeper.check(stored, "")).matches


async def test_hash_is_argon2id_with_the_settings_given() -> None:
    stored = await passwords(PasswordSettings(passes=2, memory_kib=128, lanes=2)).hash("a" * 8)
    found = extract_parameters(stored)
    assert stored.startswith("$argon2id$")
    assert (found.time_cost, found.memory_cost, found.parallelism) == (2, 128, 2)
    assert (found.salt_len, found.hash_len) == (16, 32)


def test_default_cost_is_what_rfc_9106_recommends() -> None:
    defaults = PasswordSettings()
    assert (defaults.passes, defaults.memory_kib, defaults.lanes) == (3, 65_536, 4)


async def test_same_credential_twice_gives_two_hashes() -> None:
    keeper = passwords()
    assert await keeper.hash("correct horse") != await keeper.hash("correct horse")


async def test_nobody_never_matches() -> None:
    assert not (await passwords().check(None, "correct horse")).matches


async def test_hash_with_older_parameters_is_made_anew_when_it_matches() -> None:
    stored = await passwords().hash("correct horse")
    dearer = passwords(PasswordSettings(passes=2, memory_kib=64, lanes=1))
    assert (await dearer.check(stored, "wrong horse!")).new_hash is None
    renewed = (await dearer.check(stored, "correct horse")).new_hash
    assert renewed is not None
    assert extract_parameters(renewed).time_cost == 2
    again = await dearer.check(renewed, "correct horse")
    assert again.matches
    assert again.new_hash is None


async def test_damaged_hash_matches_nothing() -> None:
    assert not (await passwords().check("plain text", "plain text")).matches


@pytest.mark.parametrize("credential", ["", "seven77"])
async def test_short_credential_cannot_be_set(credential: str) -> None:
    with pytest.raises(InvalidValue, match="8 is the least"):
        await passwords().hash(credential)


async def test_endless_credential_is_refused_before_any_work() -> None:
    executor = InlineExecutor()
    keeper = Passwords(CHEAP_HASHING, executor, DerivedBytes())
    with pytest.raises(InvalidValue, match="1024 bytes"):
        await keeper.check(None, "x" * 1_025)
    assert not executor.submitted


async def test_log_ins_beyond_the_bound_are_told_to_come_back() -> None:
    release = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        settings = PasswordSettings(passes=1, memory_kib=64, lanes=1, max_waiting=2)
        keeper = Passwords(settings, executor, DerivedBytes())
        executor.submit(release.wait)
        waiting = [asyncio.create_task(keeper.check(None, "x")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(RateLimited) as refused:
            await keeper.check(None, "x")
        assert refused.value.retry_after_ms > 0
        release.set()
        await asyncio.gather(*waiting)
        assert not (await keeper.check(None, "x")).matches


async def test_caller_who_hangs_up_does_not_free_the_place_before_the_work_is_done() -> None:
    release = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        settings = PasswordSettings(passes=1, memory_kib=64, lanes=1, max_waiting=1)
        keeper = Passwords(settings, executor, DerivedBytes())
        executor.submit(release.wait)
        caller = asyncio.create_task(keeper.check(None, "x"))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        with pytest.raises(RateLimited):
            await keeper.check(None, "x")
        release.set()


@pytest.mark.parametrize(
    "settings",
    [
        {"passes": 0},
        {"lanes": 0},
        {"memory_kib": 8, "lanes": 4},
        {"min_length": 0},
        {"max_waiting": 0},
    ],
)
def test_impossible_hashing_settings_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(BadConfig):
        PasswordSettings(**settings)
