"""Coinbase's refusals, as far as they say something else than "refused".

An order that is not made is told with 200 and ``success`` false; anything else by status and
``error``. A key that is not accepted and a token of a wrong time are both a bare 401.
"""

from typing import Any

from arbiter.venues.common.verdicts import Verdict, Verdicts

UNAUTHORIZED = "UNAUTHORIZED"
CLOCK = "CLOCK"
"""Code of our own: unauthorized while the clocks are far apart."""
NOT_FOUND = "NOT_FOUND"
_UNSAID = ("", "UNKNOWN_FAILURE_REASON", "UNKNOWN_PREVIEW_FAILURE_REASON")

VERDICTS = Verdicts(
    codes={
        CLOCK: Verdict.CLOCK,
        NOT_FOUND: Verdict.ABSENT,
        "UNKNOWN_CANCEL_ORDER": Verdict.ABSENT,
        "rate_limit_exceeded": Verdict.LIMITED,
        "RESOURCE_EXHAUSTED": Verdict.LIMITED,
        "resource_exhausted": Verdict.LIMITED,
        "ORDER_ENTRY_DISABLED": Verdict.CLOSED,
        "PREVIEW_NOT_ALLOWED_BY_MARKET_STATE": Verdict.CLOSED,
        "INTERNAL": Verdict.UNKNOWN,
        "internal_server_error": Verdict.UNKNOWN,
        "DEADLINE_EXCEEDED": Verdict.UNKNOWN,
        "UNAVAILABLE": Verdict.UNKNOWN,
    }
)


def read_refusal(status: int, answer: Any) -> tuple[str, str] | None:
    if status == 401:
        return UNAUTHORIZED, "unauthorized: the key or its secret is not accepted"
    if not isinstance(answer, dict):
        return None
    if answer.get("success") is False:
        return _not_made(answer.get("error_response") or {})
    code = str(answer.get("error") or "")
    if not code:
        return None
    text = str(answer.get("message") or answer.get("error_details") or code)
    return NOT_FOUND if "not found" in text.lower() else code, text


def _not_made(told: Any) -> tuple[str, str]:
    named = (told.get(n) for n in ("error", "new_order_failure_reason", "preview_failure_reason"))
    code = next((str(name) for name in named if str(name or "") not in _UNSAID), "REFUSED")
    return code, str(told.get("message") or told.get("error_details") or code)
