"""Kraken's errors, as far as they say something else than "refused".

An answer carries a list of texts, ``ESeverity:Text`` and perhaps more. The first two parts are the
code. Some of what sounds like a refusal is none: orders have been carried out behind "Unavailable".
"""

from typing import Any

from arbiter.venues.common.verdicts import Verdict, Verdicts

OVERTAKEN = "EAPI:Invalid nonce"
"""A request with a higher number was there before it."""
FULL = "EAPI:Rate limit exceeded"
"""The counter of a key's reads is full."""

VERDICTS = Verdicts(
    codes={
        OVERTAKEN: Verdict.CLOCK,
        FULL: Verdict.LIMITED,
        "EOrder:Rate limit exceeded": Verdict.LIMITED,
        "EGeneral:Too many requests": Verdict.LIMITED,
        "EService:Throttled": Verdict.LIMITED,
        "EGeneral:Temporary lockout": Verdict.BANNED,
        "EOrder:Unknown order": Verdict.ABSENT,
        "EService:Market in cancel_only mode": Verdict.CLOSED,
        "EService:Market in post_only mode": Verdict.CLOSED,
        "EService:Market in limit_only mode": Verdict.CLOSED,
        "EService:Unavailable": Verdict.UNKNOWN,
        "EService:Busy": Verdict.UNKNOWN,
        "EService:Timeout": Verdict.UNKNOWN,
        "EGeneral:Internal error": Verdict.UNKNOWN,
        "EDatabase:Internal error": Verdict.UNKNOWN,
    }
)


def read_refusal(status: int, answer: Any) -> tuple[str, str] | None:
    """``{"error": ["EOrder:Insufficient funds"]}``; warnings (``W…``) are no errors."""
    if not isinstance(answer, dict):
        return None
    told = answer.get("error")
    errors = [str(text) for text in told or () if str(text).startswith("E")]
    if not errors:
        return None
    parts = [part.strip() for part in errors[0].split(":")]
    return ":".join(parts[:2]), ", ".join(errors)
