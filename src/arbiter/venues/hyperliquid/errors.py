"""Hyperliquid's refusals are texts; each is given the venue's own word for it as a code.

Source: "Error responses" and the order states of hyperliquid.gitbook.io.
"""

from typing import Any

from arbiter.venues.common.verdicts import Verdict, Verdicts

NO_MATCH = "iocCancelRejected"
_WORDS = (
    ("Price must be divisible by tick size", "tickRejected"),
    ("Order must have minimum value", "minTradeNtlRejected"),
    ("Insufficient margin to place order", "perpMarginRejected"),
    ("Reduce only order would increase position", "reduceOnlyRejected"),
    ("Post only order would have immediately matched", "badAloPxRejected"),
    ("Order could not immediately match", NO_MATCH),
    ("No liquidity available for market order", "marketOrderNoLiquidityRejected"),
    ("Order would increase open interest", "openInterestCapRejected"),
    ("Order price too far from oracle", "oracleRejected"),
    ("Order price cannot be more than", "oracleRejected"),
    ("exceed margin tier limit", "perpMaxPositionRejected"),
    ("Order was never placed, already canceled, or filled", "missingOrder"),
    ("Order has invalid size", "invalidSize"),
    ("Order has zero size", "invalidSize"),
    ("Too many cumulative requests", "tooManyRequests"),
    ("does not exist", "unknownSigner"),
    ("Must deposit before performing actions", "unknownSigner"),
    ("already expired", "expired"),
    ("duplicate nonce", "duplicateNonce"),
    ("Invalid nonce", "nonceOutOfRange"),
)

VERDICTS = Verdicts(
    codes={
        "missingOrder": Verdict.ABSENT,
        "unknownOid": Verdict.ABSENT,
        "tooManyRequests": Verdict.LIMITED,
        "nonceOutOfRange": Verdict.CLOCK,
        "expired": Verdict.CLOCK,
        # Nonces of ours are used once: the request came twice, and its first coming was served.
        "duplicateNonce": Verdict.UNKNOWN,
    }
)


def code_of(text: str) -> str:
    return next((code for part, code in _WORDS if part in text), "refused")


def refusal_in(answer: Any) -> tuple[str, str] | None:
    """Find the (code, text) of a refused action; None where it was carried out."""
    told = answer.get("response")
    if answer.get("status") != "ok":
        return code_of(str(told)), str(told)
    data = told.get("data") if isinstance(told, dict) else None
    for status in data.get("statuses", ()) if isinstance(data, dict) else ():
        if isinstance(status, dict) and "error" in status:
            return code_of(str(status["error"])), str(status["error"])
    return None
