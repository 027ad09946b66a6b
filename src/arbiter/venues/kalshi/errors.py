"""Kalshi's error codes, as far as they say something else than "refused".

Source: docs.kalshi.com, "Order Errors" and "Maintenance and Pauses". A refusal stands under
``error``; a body that could not be read is refused with the same fields at the top.
"""

from typing import Any

from arbiter.venues.common.verdicts import Verdict, Verdicts

VERDICTS = Verdicts(
    codes={
        "header_timestamp_expired": Verdict.CLOCK,
        "not_found": Verdict.ABSENT,
        "order_not_found": Verdict.ABSENT,
        "too_many_requests": Verdict.LIMITED,
        "rate_limit_exceeded": Verdict.LIMITED,
        "exchange_is_paused": Verdict.CLOSED,
        "trading_is_paused": Verdict.CLOSED,
        "exchange_unavailable": Verdict.UNKNOWN,
        "internal_server_error": Verdict.UNKNOWN,
        "service_unavailable": Verdict.UNKNOWN,
        "request_timeout": Verdict.UNKNOWN,
    }
)


def read_refusal(status: int, answer: Any) -> tuple[str, str] | None:
    """``{"error": {"code": "invalid_order", "message": …, "details": …}}``, of whatever status."""
    if not isinstance(answer, dict):
        return None
    told = answer.get("error")
    if told is None and status < 400:
        return None
    if not isinstance(told, dict):
        told = answer if told is None else {"code": "", "message": str(told)}
    code, parts = str(told.get("code") or ""), (told.get("message"), told.get("details"))
    return code, ": ".join(str(part) for part in parts if part)
