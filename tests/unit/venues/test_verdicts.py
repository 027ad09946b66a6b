"""What may be done after a venue's refusal hangs on what it means."""

import pytest

from arbiter.model.errors import (
    ArbiterError,
    Banned,
    OutcomeUnknown,
    RateLimited,
    TryAgain,
    VenueRefused,
)
from arbiter.venues.common.signed import Answered
from arbiter.venues.common.verdicts import Verdict, Verdicts

VERDICTS = Verdicts(
    codes={
        "NO_FUNDS": Verdict.REFUSED,
        "GONE": Verdict.ABSENT,
        "LATE": Verdict.CLOCK,
        "PAUSED": Verdict.CLOSED,
        "TIMEOUT": Verdict.UNKNOWN,
        "FULL": Verdict.LIMITED,
    }
)


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (200, "NO_FUNDS", Verdict.REFUSED),
        (500, "NO_FUNDS", Verdict.REFUSED),
        (400, "NEVER_HEARD_OF", Verdict.REFUSED),
        (200, "TIMEOUT", Verdict.UNKNOWN),
        (400, "TIMEOUT", Verdict.UNKNOWN),
        (500, "NEVER_HEARD_OF", Verdict.UNKNOWN),
        (503, "", Verdict.UNKNOWN),
        (400, "", Verdict.UNKNOWN),
        (302, "", Verdict.UNKNOWN),
        (403, "", Verdict.BANNED),
        (403, "NO_FUNDS", Verdict.REFUSED),
        (418, "NO_FUNDS", Verdict.BANNED),
        (429, "NO_FUNDS", Verdict.LIMITED),
        (200, "FULL", Verdict.LIMITED),
    ],
)
def test_only_a_well_formed_refusal_says_that_nothing_exists(
    status: int, code: str, verdict: Verdict
) -> None:
    assert VERDICTS.of(Answered(status, code, "no")) is verdict


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (200, "NO_FUNDS", VenueRefused),
        (200, "GONE", VenueRefused),
        (200, "LATE", TryAgain),
        (200, "PAUSED", TryAgain),
        (200, "FULL", RateLimited),
        (418, "", Banned),
        (502, "", OutcomeUnknown),
    ],
)
def test_what_a_call_raises_says_whether_to_ask_again(
    status: int, code: str, kind: type[ArbiterError]
) -> None:
    error = VERDICTS.error("binance", "submit", Answered(status, code, "no"))
    assert type(error) is kind
    assert not isinstance(error, VenueRefused) or error.code == code


@pytest.mark.parametrize(("status", "least_ms"), [(429, 1_000), (418, 60_000)])
def test_a_venue_is_left_alone_for_as_long_as_it_says(status: int, least_ms: int) -> None:
    def wait_ms(headers: dict[str, str]) -> int:
        error = VERDICTS.error("binance", "submit", Answered(status, "", "", headers))
        assert isinstance(error, RateLimited | Banned)
        return error.retry_after_ms

    assert wait_ms({"retry-after": "37"}) == 37_000
    assert wait_ms({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}) >= least_ms
    assert wait_ms({}) >= least_ms
