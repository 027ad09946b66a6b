"""Guessing gets slower with every guess, for one name and from one address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.access.throttle import LoginThrottle, ThrottleSettings
from arbiter.model.errors import BadConfig
from tests.fakes.access import WoundClock

SETTINGS = ThrottleSettings(
    free_tries_per_user=3,
    free_tries_per_peer=5,
    first_delay_seconds=1.0,
    max_delay_seconds=60.0,
    forget_after_seconds=600.0,
    max_tracked=100,
)


@pytest.fixture
def clock() -> WoundClock:
    return WoundClock()


@pytest.fixture
def throttle(clock: WoundClock) -> LoginThrottle:
    return LoginThrottle(SETTINGS, clock)


def test_wait_doubles_with_every_wrong_try_up_to_the_cap(
    throttle: LoginThrottle, clock: WoundClock
) -> None:
    waits = []
    for number in range(20):
        wait_ms = throttle.admit("alice", f"peer{number}")
        if wait_ms:
            waits.append(wait_ms)
            clock.wind(wait_ms / 1_000)
    assert waits[:6] == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000]
    assert set(waits[6:]) == {60_000}


def test_many_names_from_one_peer_are_slowed_too(throttle: LoginThrottle) -> None:
    for number in range(5):
        assert throttle.admit(f"user{number}", "10.0.0.9") == 0
    assert throttle.admit("user5", "10.0.0.9") == 1_000
    assert throttle.admit("user5", "10.0.0.10") == 0


def test_tries_at_the_same_moment_count_before_they_are_decided(throttle: LoginThrottle) -> None:
    admitted = [throttle.admit("alice", f"peer{number}") == 0 for number in range(50)]
    assert sum(admitted) == 3


def test_refused_try_does_not_prolong_the_wait(throttle: LoginThrottle) -> None:
    for _ in range(3):
        throttle.admit("alice", "peer")
    assert [throttle.admit("alice", "peer") for _ in range(3)] == [1_000] * 3


def test_right_credential_forgives_the_user(throttle: LoginThrottle, clock: WoundClock) -> None:
    for _ in range(3):
        throttle.admit("alice", "peer")
    clock.wind(1)
    assert throttle.admit("alice", "peer") == 0
    throttle.succeeded("alice", "peer")
    assert [throttle.admit("alice", f"{n}") for n in range(4)] == [0, 0, 0, 1_000]


def test_own_account_does_not_buy_a_peer_more_guesses_at_others(throttle: LoginThrottle) -> None:
    for number in range(4):
        throttle.admit(f"victim{number}", "peer")
    throttle.admit("mallory", "peer")
    throttle.succeeded("mallory", "peer")
    assert throttle.admit("victim4", "peer") == 0
    assert throttle.admit("victim5", "peer") == 1_000


def test_undecided_try_costs_nothing(throttle: LoginThrottle) -> None:
    for _ in range(20):
        assert throttle.admit("alice", "peer") == 0
        throttle.undecided("alice", "peer")
    assert len(throttle) == 0


def test_old_tries_are_forgotten(throttle: LoginThrottle, clock: WoundClock) -> None:
    for number in range(3):
        throttle.admit("alice", f"{number}")
    clock.wind(601)
    assert [throttle.admit("alice", f"{n}") for n in range(4)] == [0, 0, 0, 1_000]


def test_step_of_the_system_clock_opens_nothing() -> None:
    class Stepped(WoundClock):
        def now_ns(self) -> int:
            return super().now_ns() + 10**18

    clock = Stepped()
    throttle = LoginThrottle(SETTINGS, clock)
    for _ in range(3):
        throttle.admit("alice", "peer")
    assert throttle.admit("alice", "peer") == 1_000


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), max_size=400))
def test_strangers_cannot_fill_the_memory(tries: list[tuple[str, str]]) -> None:
    settings = ThrottleSettings(max_tracked=7)
    throttle = LoginThrottle(settings, WoundClock())
    for name, peer in tries:
        throttle.admit(name, peer)
    assert len(throttle) <= 14


def test_of_too_many_the_one_that_has_been_quiet_the_longest_is_forgotten() -> None:
    throttle = LoginThrottle(ThrottleSettings(free_tries_per_user=3, max_tracked=2), WoundClock())
    for name in ("alice", "bob", "alice", "carol", "alice"):
        assert throttle.admit(name, "peer") == 0
    assert throttle.admit("alice", "peer") == 1_000


@given(st.integers(1, 2_000))
def test_delay_is_bounded_however_many_tries(tries: int) -> None:
    clock = WoundClock()
    throttle = LoginThrottle(SETTINGS, clock)
    wait = 0
    for _ in range(tries):
        wait = throttle.admit("alice", "peer")
        clock.wind(wait / 1_000)
    assert wait <= 60_000


@pytest.mark.parametrize(
    "settings",
    [
        {"free_tries_per_user": 0},
        {"free_tries_per_peer": 0},
        {"first_delay_seconds": 0},
        {"first_delay_seconds": 301},
        {"forget_after_seconds": 299},
        {"max_tracked": 0},
    ],
)
def test_throttle_that_would_not_hold_is_refused(settings: dict[str, int]) -> None:
    with pytest.raises(BadConfig):
        ThrottleSettings(**settings)
