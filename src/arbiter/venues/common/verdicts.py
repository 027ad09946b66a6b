"""What a venue's refusal means for us: three words decide what may be done next."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from arbiter.model.errors import (
    ArbiterError,
    Banned,
    OutcomeUnknown,
    RateLimited,
    TryAgain,
    VenueRefused,
)
from arbiter.venues.common.signed import Answered, header


class Verdict(StrEnum):
    REFUSED = "refused"
    """A valid, authenticated no: nothing exists of it."""
    ABSENT = "absent"
    """The order asked about is not there."""
    CLOCK = "clock"
    """Our clock was refused, before anything was done."""
    LIMITED = "limited"
    """Too many requests, before anything was done."""
    BANNED = "banned"
    CLOSED = "closed"
    """Refused before the matching engine; the same may work later."""
    UNKNOWN = "unknown"
    """It may have happened."""


_RETRY_MS = 1_000
_BAN_MS = 120_000


class Verdicts(msgspec.Struct, frozen=True, kw_only=True):
    """One venue's codes. Any other code in a well-formed refusal is a refusal."""

    codes: Mapping[str, Verdict]

    def of(self, answer: Answered) -> Verdict:
        if answer.status == 418:
            return Verdict.BANNED
        if answer.status == 429:
            return Verdict.LIMITED
        known = self.codes.get(answer.code)
        if known is not None:
            return known
        if not answer.code:
            return Verdict.BANNED if answer.status == 403 else Verdict.UNKNOWN
        return Verdict.UNKNOWN if answer.status >= 500 else Verdict.REFUSED

    def error(self, venue: str, call: str, answer: Answered) -> ArbiterError:
        """Give what a call raises on this answer."""
        text = f"{venue}: {call}: {answer.text or answer.status}"
        match self.of(answer):
            case Verdict.LIMITED:
                return RateLimited(text, retry_after_ms=retry_after_ms(answer, _RETRY_MS))
            case Verdict.BANNED:
                return Banned(text, retry_after_ms=retry_after_ms(answer, _BAN_MS))
            case Verdict.CLOCK | Verdict.CLOSED:
                return TryAgain(text)
            case Verdict.UNKNOWN:
                return OutcomeUnknown(text)
            case _:
                return VenueRefused(text, code=answer.code)


def retry_after_ms(answer: Answered, otherwise: int) -> int:
    told = header(answer.headers, "Retry-After")
    return int(told) * 1_000 if told.isdigit() else otherwise
