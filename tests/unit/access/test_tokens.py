"""A token is good for one kind of use, at one surface, for its time."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any
from uuid import UUID

import jwt
import pytest

from arbiter.access.roles import Role
from arbiter.access.token_settings import TokenSettings
from arbiter.access.tokens import Audience, Issued, Tokens
from arbiter.access.users import User, UserId
from arbiter.model.errors import BadConfig, Unauthenticated
from arbiter.model.time import NS_PER_S
from tests.fakes.access import SECRET, START_NS, SerialIds, WoundClock

ALICE = User(
    user_id=UserId("telegram:123456"),
    role=Role.TRADER,
    password_hash="",
    stamp=UUID(int=7),
    created_ns=START_NS,
)
FAMILY = UUID(int=9)


@pytest.fixture
def clock() -> WoundClock:
    return WoundClock()


@pytest.fixture
def tokens(clock: WoundClock) -> Tokens:
    return Tokens(SECRET, TokenSettings(), clock, SerialIds())


@pytest.fixture
def access(tokens: Tokens) -> Issued:
    return tokens.issue_access(ALICE, Audience.CONTROL)


@pytest.fixture
def refresh(tokens: Tokens) -> Issued:
    return tokens.issue_refresh(ALICE.user_id, Audience.CONTROL, FAMILY)


def payload(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return decoded


def signed(claims: dict[str, Any], secret: bytes = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, secret, algorithm=algorithm)


def test_access_token_carries_the_documented_claims(access: Issued) -> None:
    claims = payload(access.text)
    now = START_NS // NS_PER_S
    assert claims["sub"] == "telegram:123456"
    assert claims["token_type"] == "access"
    assert claims["aud"] == "arbiter-control"
    assert (claims["iat"], claims["exp"]) == (now, now + 3_600)
    assert UUID(claims["jti"]) == access.token_id
    assert access.expires_ns == (now + 3_600) * NS_PER_S


def test_refresh_token_lasts_seven_days(refresh: Issued) -> None:
    claims = payload(refresh.text)
    assert claims["token_type"] == "refresh"
    assert claims["exp"] - claims["iat"] == 604_800


def test_token_reads_back_as_issued(tokens: Tokens, access: Issued, refresh: Issued) -> None:
    read = tokens.read_access(access.text, Audience.CONTROL)
    assert (read.sub, read.stamp, read.jti) == (ALICE.user_id, ALICE.stamp, access.token_id)
    renewed = tokens.read_refresh(refresh.text, Audience.CONTROL)
    assert (renewed.sub, renewed.family, renewed.jti) == (ALICE.user_id, FAMILY, refresh.token_id)


def test_refresh_token_never_passes_as_access_token(tokens: Tokens, refresh: Issued) -> None:
    with pytest.raises(Unauthenticated):
        tokens.read_access(refresh.text, Audience.CONTROL)


def test_access_token_never_passes_as_refresh_token(tokens: Tokens, access: Issued) -> None:
    with pytest.raises(Unauthenticated):
        tokens.read_refresh(access.text, Audience.CONTROL)


def test_refresh_token_with_every_claim_of_an_access_token_is_still_none(
    tokens: Tokens, access: Issued
) -> None:
    both = payload(access.text) | {"token_type": "refresh", "family": str(FAMILY)}
    with pytest.raises(Unauthenticated):
        tokens.read_access(signed(both), Audience.CONTROL)


def test_token_shown_often_is_still_good_for_its_surface_and_its_time_only(
    tokens: Tokens, access: Issued, clock: WoundClock
) -> None:
    for _ in range(3):
        assert tokens.read_access(access.text, Audience.CONTROL).sub == ALICE.user_id
    with pytest.raises(Unauthenticated, match="another API"):
        tokens.read_access(access.text, Audience.DESK)
    clock.wind(3_605)
    with pytest.raises(Unauthenticated, match="expired"):
        tokens.read_access(access.text, Audience.CONTROL)


def test_thousands_of_callers_at_once_are_all_known(tokens: Tokens) -> None:
    issued = [tokens.issue_access(ALICE, Audience.CONTROL) for _ in range(1_100)]
    for _ in range(2):
        read = [tokens.read_access(one.text, Audience.CONTROL).jti for one in issued]
        assert read == [one.token_id for one in issued]


@pytest.mark.parametrize("surface", [one for one in Audience if one is not Audience.CONTROL])
def test_tokens_for_one_surface_fail_on_another(
    tokens: Tokens, access: Issued, refresh: Issued, surface: Audience
) -> None:
    with pytest.raises(Unauthenticated, match="another API"):
        tokens.read_access(access.text, surface)
    with pytest.raises(Unauthenticated, match="another API"):
        tokens.read_refresh(refresh.text, surface)


def test_token_for_several_surfaces_at_once_is_none_of_ours(tokens: Tokens, access: Issued) -> None:
    claims = payload(access.text) | {"aud": [one.value for one in Audience]}
    with pytest.raises(Unauthenticated):
        tokens.read_access(signed(claims), Audience.CONTROL)


def test_token_dies_when_its_time_and_the_leeway_are_over(
    tokens: Tokens, access: Issued, clock: WoundClock
) -> None:
    clock.wind(3_600 + 4)
    assert tokens.read_access(access.text, Audience.CONTROL)
    clock.wind(1)
    with pytest.raises(Unauthenticated, match="expired"):
        tokens.read_access(access.text, Audience.CONTROL)


def test_refresh_token_outlives_its_access_token_and_then_dies_too(
    tokens: Tokens, refresh: Issued, clock: WoundClock
) -> None:
    clock.wind(604_799)
    assert tokens.read_refresh(refresh.text, Audience.CONTROL)
    clock.wind(6)
    with pytest.raises(Unauthenticated, match="expired"):
        tokens.read_refresh(refresh.text, Audience.CONTROL)


def test_token_from_the_future_is_refused(
    tokens: Tokens, access: Issued, clock: WoundClock
) -> None:
    clock.wind(-60)
    with pytest.raises(Unauthenticated, match="future"):
        tokens.read_access(access.text, Audience.CONTROL)


def test_token_signed_with_another_secret_is_refused(tokens: Tokens, access: Issued) -> None:
    forged = signed(payload(access.text), secret=b"another secret, just as long as ours")
    with pytest.raises(Unauthenticated):
        tokens.read_access(forged, Audience.CONTROL)


def test_unsigned_token_is_refused(tokens: Tokens, access: Issued) -> None:
    header = urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    body = access.text.split(".")[1]
    for forged in (f"{header}.{body}.", jwt.encode(payload(access.text), "", algorithm="none")):
        with pytest.raises(Unauthenticated):
            tokens.read_access(forged, Audience.CONTROL)


def test_no_other_algorithm_is_taken_even_with_our_secret(tokens: Tokens, access: Issued) -> None:
    long_secret = SECRET * 2
    keeper = Tokens(long_secret, TokenSettings(), WoundClock(), SerialIds())
    claims = payload(access.text)
    assert keeper.read_access(signed(claims, long_secret), Audience.CONTROL)
    with pytest.raises(Unauthenticated):
        keeper.read_access(signed(claims, long_secret, "HS512"), Audience.CONTROL)


@pytest.mark.parametrize("claim", ["sub", "aud", "iat", "exp", "jti", "token_type", "stamp"])
def test_token_that_lacks_a_claim_is_refused(tokens: Tokens, access: Issued, claim: str) -> None:
    claims = payload(access.text)
    del claims[claim]
    with pytest.raises(Unauthenticated):
        tokens.read_access(signed(claims), Audience.CONTROL)


@pytest.mark.parametrize(
    "oddity",
    [
        {"exp": "9999999999"},
        {"exp": 9999999999.5},
        {"exp": True},
        {"iat": None},
        {"jti": "not-a-uuid"},
        {"token_type": "ACCESS"},
        {"stamp": 7},
    ],
)
def test_claim_of_the_wrong_type_is_refused(
    tokens: Tokens, access: Issued, oddity: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        tokens.read_access(signed(payload(access.text) | oddity), Audience.CONTROL)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Bearer",
        "a.b.c",
        "é.é.é",
        "\ud800",
        "x" * 4_097,
        urlsafe_b64encode(b"[" * 2_900).decode() + ".e30.e30",
    ],
)
def test_rubbish_is_refused(tokens: Tokens, text: str) -> None:
    with pytest.raises(Unauthenticated):
        tokens.read_access(text, Audience.CONTROL)


def test_secret_under_32_bytes_signs_nothing() -> None:
    with pytest.raises(BadConfig, match="32 bytes"):
        Tokens(b"x" * 31, TokenSettings(), WoundClock(), SerialIds())


@pytest.mark.parametrize(
    "settings",
    [
        {"access_expiry_seconds": 0},
        {"access_expiry_seconds": 60, "refresh_expiry_seconds": 59},
        {"leeway_seconds": 61},
        {"leeway_seconds": -1},
    ],
)
def test_impossible_expiries_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(BadConfig):
        TokenSettings(**settings)


def test_printing_a_token_shows_none_of_it(access: Issued) -> None:
    assert access.text not in repr(access)
