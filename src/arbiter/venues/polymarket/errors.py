"""Polymarket's refusals. It gives texts, not codes: those that matter are known by their words.

An order counts as refused only by a text that the venue documents as a check that comes before the
book. Whatever else is answered to an order leaves it unknown: it is asked about.
"""

from typing import Any

from arbiter.venues.common.verdicts import Verdict, Verdicts

CLOSED = "CLOSED"
CROSSES, UNMATCHED, KILLED = "POST_ONLY_CROSSES", "FAK_UNMATCHED", "FOK_KILLED"
DUPLICATE, ENGINE, DELAYED = "DUPLICATE", "ENGINE", "DELAYED"
_OTHER = "OTHER"
"""A text that is not known."""

_WORDS = (
    ("no orders found to match", UNMATCHED),
    ("couldn't be fully filled", KILLED),
    ("not enough balance", "BALANCE"),
    ("minimum tick size", "TICK"),
    ("lower than the minimum", "MIN_SIZE"),
    ("invalid amounts", "AMOUNTS"),
    ("invalid amount", "MIN_NOTIONAL"),
    ("duplicated", DUPLICATE),
    ("could not insert order", ENGINE),
    ("could not run the execution", ENGINE),
    ("matching engine", ENGINE),
    ("match delayed", DELAYED),
    ("delaying the order", DELAYED),
    ("order crosses book", CROSSES),
    ("crosses the book", CROSSES),
    ("post-only mode", CLOSED),
    ("currently disabled", CLOSED),
    ("cancel-only", CLOSED),
    ("not yet ready", "NOT_READY"),
    ("order_version_mismatch", "VERSION"),
    ("invalid signature", "SIGNATURE"),
    ("invalid timestamp", "TIMESTAMP"),
    ("invalid expiration", "EXPIRATION"),
    ("invalid order payload", "PAYLOAD"),
    ("invalid post-only order", "POST_ONLY"),
    ("in the ctf exchange contract", "CANCELLED_ON_CHAIN"),
    ("address banned", "ADDRESS"),
    ("address not allowed", "ADDRESS"),
    ("order signer address", "ADDRESS"),
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
        # It is there already; or it may be, for all that can be told from these.
        DUPLICATE: Verdict.UNKNOWN,
        ENGINE: Verdict.UNKNOWN,
        DELAYED: Verdict.UNKNOWN,
        _OTHER: Verdict.UNKNOWN,
    }
)
_TOO_EARLY = 425
_BEFORE_ORDERS = (401, 403)
"""Who asks is not let in: no order was looked at."""


def read_refusal(status: int, answer: Any) -> tuple[str, str] | None:
    """(code, text) of ``{"error": …}`` or an order's ``{"errorMsg": …}``; None for a result.

    425 is an engine that restarts: nothing was taken. A 5xx says nothing that can be relied on, but
    that the exchange is closed.
    """
    if status == _TOO_EARLY:
        return CLOSED, "the matching engine restarts"
    if not isinstance(answer, dict):
        return None
    failed = answer.get("success") is False
    text = answer.get("error")
    if not text and (failed or "orderID" in answer):
        text = answer.get("errorMsg")
    if not text:
        return ("", "no reason was given") if failed else None
    words = str(text)
    low = words.lower()
    code = next((code for part, code in _WORDS if part in low), _OTHER)
    if status >= 500 and code not in (CLOSED, ENGINE, DELAYED):
        return "", words
    if code == _OTHER and status in _BEFORE_ORDERS:
        return "REFUSED", words
    return code, words
