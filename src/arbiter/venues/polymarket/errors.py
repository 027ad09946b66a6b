"""Polymarket's refusals. It gives texts, not codes: those that matter are known by their words."""

from typing import Any

from arbiter.venues.common.verdicts import Verdict, Verdicts

CLOSED = "CLOSED"
CROSSES, UNMATCHED, KILLED = "POST_ONLY_CROSSES", "FAK_UNMATCHED", "FOK_KILLED"
DUPLICATE = "DUPLICATE"

_WORDS = (
    ("no orders found to match", UNMATCHED),
    ("couldn't be fully filled", KILLED),
    ("not enough balance", "BALANCE"),
    ("minimum tick size", "TICK"),
    ("lower than the minimum", "MIN_SIZE"),
    ("invalid amounts", "AMOUNTS"),
    ("invalid amount", "MIN_NOTIONAL"),
    ("duplicated", DUPLICATE),
    ("order crosses book", CROSSES),
    ("post-only mode", CLOSED),
    ("matching engine", CLOSED),
    ("currently disabled", CLOSED),
    ("cancel-only", CLOSED),
    ("not yet ready", "NOT_READY"),
    ("order_version_mismatch", "VERSION"),
    ("invalid signature", "SIGNATURE"),
    ("invalid timestamp", "TIMESTAMP"),
    ("invalid expiration", "EXPIRATION"),
    ("api key", "API_KEY"),
    ("l1 request headers", "LOGIN"),
    ("closed only", "CLOSED_ONLY"),
    ("already canceled or matched", "ENDED"),
    ("not found", "NOT_FOUND"),
)
VERDICTS = Verdicts(
    codes={
        CLOSED: Verdict.CLOSED,
        "TIMESTAMP": Verdict.CLOCK,
        "ENDED": Verdict.ABSENT,
        "NOT_FOUND": Verdict.ABSENT,
    }
)
_TOO_EARLY = 425


def read_refusal(status: int, answer: Any) -> tuple[str, str] | None:
    """(code, text) of ``{"error": …}`` or ``{"success": false, "errorMsg": …}``; None for a result.

    425 is an engine that restarts: nothing was taken. A 5xx says nothing that can be relied on.
    """
    if status == _TOO_EARLY:
        return CLOSED, "the matching engine restarts"
    if not isinstance(answer, dict):
        return None
    text = answer.get("error")
    if text is None and answer.get("success") is False:
        text = answer.get("errorMsg")
    if text is None:
        return None
    words = str(text)
    low = words.lower()
    for part, code in _WORDS:
        if part in low:
            return code, words
    return ("REFUSED" if status < 500 else ""), words
