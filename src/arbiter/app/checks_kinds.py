"""A check and its three verdicts."""

from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    """Works, but a person should know."""
    FAIL = "fail"
    """The engine would not start or not trade."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    verdict: Verdict
    detail: str
    mend: str = ""


def ok(name: str, detail: str) -> Check:
    return Check(name=name, verdict=Verdict.OK, detail=detail)


def warn(name: str, detail: str, mend: str) -> Check:
    return Check(name=name, verdict=Verdict.WARN, detail=detail, mend=mend)


def bad(name: str, detail: str, mend: str = "") -> Check:
    return Check(name=name, verdict=Verdict.FAIL, detail=detail, mend=mend)
