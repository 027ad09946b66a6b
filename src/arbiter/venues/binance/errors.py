"""Binance's error codes, as far as they say something else than "refused"."""

from typing import Any

from arbiter.venues.common.verdicts import Verdict, Verdicts

VERDICTS = Verdicts(
    codes={
        "-1000": Verdict.UNKNOWN,
        "-1001": Verdict.UNKNOWN,
        "-1003": Verdict.LIMITED,
        "-1006": Verdict.UNKNOWN,
        "-1007": Verdict.UNKNOWN,
        "-1008": Verdict.CLOSED,
        "-1015": Verdict.LIMITED,
        "-1016": Verdict.CLOSED,
        "-1021": Verdict.CLOCK,
        "-1034": Verdict.LIMITED,
        "-2011": Verdict.ABSENT,
        "-2013": Verdict.ABSENT,
        "-5028": Verdict.CLOCK,
    }
)


def read_refusal(status: int, answer: Any) -> tuple[str, str] | None:
    """``{"code": -1013, "msg": …}``; some results carry ``code`` 200 beside their text."""
    if not isinstance(answer, dict) or "code" not in answer:
        return None
    code = str(answer["code"])
    if status < 400 and not code.startswith("-"):
        return None
    return code, str(answer.get("msg", ""))
