"""OKX's codes, as far as they say something else than "refused"."""

from typing import Any

from arbiter.venues.common.verdicts import Verdict, Verdicts

VERDICTS = Verdicts(
    codes={
        "50001": Verdict.UNKNOWN,
        "50004": Verdict.UNKNOWN,
        "50011": Verdict.LIMITED,
        "50013": Verdict.UNKNOWN,
        "50026": Verdict.UNKNOWN,
        "50040": Verdict.LIMITED,
        "50061": Verdict.LIMITED,
        "50102": Verdict.CLOCK,
        "50107": Verdict.CLOCK,
        "50112": Verdict.CLOCK,
        "51030": Verdict.CLOSED,
        "51054": Verdict.UNKNOWN,
        "51149": Verdict.UNKNOWN,
        "51400": Verdict.ABSENT,
        "51401": Verdict.ABSENT,
        "51402": Verdict.ABSENT,
        "51410": Verdict.ABSENT,
        "51603": Verdict.ABSENT,
    }
)


def read_refusal(status: int, answer: Any) -> tuple[str, str] | None:
    """``{"code": "1", "data": [{"sCode": "51008", "sMsg": …}], "msg": …}``, status 200 or not.

    The code of the order itself, where there is one, says more than that of the request, and
    stands even within a request that went well.
    """
    if not isinstance(answer, dict) or "code" not in answer:
        return None
    rows = answer.get("data")
    for row in rows if isinstance(rows, list) else ():
        inner = str(row.get("sCode") or "0") if isinstance(row, dict) else "0"
        if inner != "0":
            return inner, str(row.get("sMsg", "")).strip()
    code = str(answer["code"])
    return None if code == "0" else (code, str(answer.get("msg", "")).strip())
