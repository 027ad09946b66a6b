"""Bybit's return codes, as far as they say something else than "refused"."""

from typing import Any

from arbiter.venues.common.verdicts import Verdict, Verdicts

VERDICTS = Verdicts(
    codes={
        "10000": Verdict.UNKNOWN,
        "10002": Verdict.CLOCK,
        "10006": Verdict.LIMITED,
        "10016": Verdict.UNKNOWN,
        "10018": Verdict.BANNED,
        "10019": Verdict.CLOSED,
        "10429": Verdict.LIMITED,
        "110001": Verdict.ABSENT,
        "170007": Verdict.UNKNOWN,
        "170032": Verdict.UNKNOWN,
        "170146": Verdict.UNKNOWN,
        "170147": Verdict.UNKNOWN,
        "170213": Verdict.ABSENT,
        "170222": Verdict.LIMITED,
    }
)


def read_refusal(status: int, answer: Any) -> tuple[str, str] | None:
    """``{"retCode": 170131, "retMsg": …}``; 0 is a result."""
    if not isinstance(answer, dict) or "retCode" not in answer:
        return None
    code = str(answer["retCode"])
    return None if code == "0" else (code, str(answer.get("retMsg", "")))
