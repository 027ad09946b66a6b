"""What a market's words say in numbers: thresholds, buckets, dates, hours, negations, names.

Two texts may look alike in all but one number, and that number is the contract. So whatever can
be compared exactly is taken out of the text first; only what is left counts as words.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

import msgspec

from arbiter.model.money import plain


class Span(StrEnum):
    """How a date is meant."""

    BY = "by"
    """Any time until then, that day included."""
    BEFORE = "before"
    """Any time until then; that day is too late."""
    AFTER = "after"
    FROM = "from"
    """From then on, that day included."""
    ON = "on"
    """At that moment or day."""
    DURING = "in"


class Range(msgspec.Struct, frozen=True, order=False):
    """The values that make YES; None is without bound."""

    unit: str
    low: Decimal | None
    low_in: bool
    high: Decimal | None
    high_in: bool

    @property
    def closed(self) -> bool:
        """Bounded on both sides."""
        return self.low is not None and self.high is not None

    @property
    def bound(self) -> Decimal | None:
        """The bound of a range that has one."""
        return self.high if self.low is None else self.low

    def complements(self, other: "Range") -> bool:
        """Whether exactly one of both holds every value."""
        if self.unit != other.unit:
            return False
        for above, below in ((self, other), (other, self)):
            if (
                above.high is None
                and below.low is None
                and above.low is not None
                and above.low == below.high
                and above.low_in is not below.high_in
            ):
                return True
        return False

    def __str__(self) -> str:
        left = "-inf" if self.low is None else plain(self.low)
        right = "inf" if self.high is None else plain(self.high)
        opening, closing = "[" if self.low_in else "(", "]" if self.high_in else ")"
        return f"{opening}{left}, {right}{closing} {self.unit}".strip()


class Day(msgspec.Struct, frozen=True):
    """A calendar date as far as it is told."""

    year: int | None = None
    month: int | None = None
    day: int | None = None

    def agrees(self, other: "Day") -> bool:
        """Whether no part that both tell differs."""
        pairs = ((self.year, other.year), (self.month, other.month), (self.day, other.day))
        return all(a is None or b is None or a == b for a, b in pairs)

    def __str__(self) -> str:
        parts = (self.year, self.month, self.day)
        return "-".join("?" if part is None else f"{part:02d}" for part in parts)


class Hour(msgspec.Struct, frozen=True):
    minutes: int
    """Since midnight there."""
    zone: str
    """``et``, ``utc`` …; empty when not told."""

    def agrees(self, other: "Hour") -> bool:
        same_zone = not self.zone or not other.zone or self.zone == other.zone
        return self.minutes == other.minutes and same_zone

    def __str__(self) -> str:
        return f"{self.minutes // 60:02d}:{self.minutes % 60:02d} {self.zone}".strip()


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """One text, taken apart."""

    ranges: frozenset[Range] = frozenset()
    figures: frozenset[tuple[Decimal, str]] = frozenset()
    """Other numbers with their units: 25 basis points are 0.25 percent; ``Game 7`` is (7, '')."""
    days: frozenset[Day] = frozenset()
    hours: frozenset[Hour] = frozenset()
    spans: frozenset[Span] = frozenset()
    touches: bool = False
    """Decided by any moment of a period, not by its end."""
    negated: bool = False
    words: tuple[str, ...] = ()
    """What is left: names and matter, in their order."""
    names: tuple[str, ...] = ()
    """Those of them written with a capital, each once: who does it to whom."""


_MONTHS = (
    "january february march april may june july august september october november december".split()  # noqa: SIM905 - reads better so
)
_MONTH = r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
_DATES = (
    re.compile(r"\b(?P<year>20\d\d)-(?P<monthno>\d\d)-(?P<day>\d\d)\b"),
    re.compile(
        rf"\b{_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\s*%)(?:,?\s+(?P<year>20\d\d)\b)?"
    ),
    re.compile(
        rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+(?P<year>20\d\d)\b)?"
    ),
    re.compile(rf"\b{_MONTH},?\s+(?P<year>20\d\d)\b"),
    re.compile(rf"\b(?!may\b){_MONTH}(?!\w)"),
    re.compile(r"(?<![\d$.,])\b(?P<year>20\d\d)\b(?![,.]\d|%)"),
)
_BEFORE_DATE = re.compile(
    r"\b(on or before|before or on|no later than|not later than|on or after|after or on|no earlier than"
    r"|not earlier than|by|before|after|until|through|on|at|in|during|for|as of)"
    r"(?:\s+the)?\s*(?:end\s+of\s*)?$"
)
_MEETING = re.compile(r",?\s*(?:meeting|decision|statement|announcement|release|report)s?\b")
"""What a date may only name: after the March meeting is not after March."""
_SPAN_OF = {
    "on or before": Span.BY,
    "before or on": Span.BY,
    "no later than": Span.BY,
    "not later than": Span.BY,
    "on or after": Span.FROM,
    "after or on": Span.FROM,
    "no earlier than": Span.FROM,
    "not earlier than": Span.FROM,
    "by": Span.BY,
    "before": Span.BEFORE,
    "after": Span.AFTER,
    "until": Span.BY,
    "through": Span.BY,
    "on": Span.ON,
    "at": Span.ON,
    "as of": Span.ON,
    "in": Span.DURING,
    "during": Span.DURING,
    "for": Span.DURING,
}
_ZONE = r"(?:\s*(?:in the )?\(?(?P<zone>e[ds]?t|c[ds]?t|m[ds]t|p[ds]?t|utc|gmt|eastern)\b(?:\s+time)?\)?)?"
_HOURS = (
    re.compile(rf"\b(?P<hour>\d{{1,2}})(?::(?P<minute>\d\d))?\s*(?P<half>[ap])\.?m\b\.?{_ZONE}"),
    re.compile(rf"\b(?P<hour>\d{{1,2}}):(?P<minute>\d\d)\b{_ZONE}"),
    re.compile(rf"\b(?P<word>noon|midnight)\b{_ZONE}"),
)

_SCALE = {
    "k": 3, "thousand": 3, "m": 6, "mn": 6, "million": 6,
    "b": 9, "bn": 9, "billion": 9, "t": 12, "tn": 12, "trillion": 12,
}  # fmt: skip
_UNITS = {
    "%": "percent", "percent": "percent", "pct": "percent", "percentage points": "percent",
    "percentage point": "percent", "bps": "bps", "bp": "bps", "basis points": "bps",
    "basis point": "bps", "°f": "degf", "° f": "degf", "degrees fahrenheit": "degf",
    "degrees f": "degf", "°c": "degc", "degrees celsius": "degc", "degrees": "deg", "°": "deg",
    "inches": "inch", "inch": "inch", "usd": "usd", "dollars": "usd", "cents": "cent",
    "seats": "seat", "votes": "vote", "points": "point", "goals": "goal", "runs": "run",
    "barrels": "barrel", "jobs": "job", "people": "people", "usdt": "usd", "usdc": "usd",
}  # fmt: skip
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_NUMBER = (
    r"(?P<sign{n}>[-−+])?(?P<cur{n}>[$€£])?\s?(?P<num{n}>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:\s?(?P<scale{n}>k|mn|m|bn|b|tn|t|thousand|million|billion|trillion)\b)?"
    r"(?:\s?(?P<unit{n}>{unit})(?!\w))?"
)


def _number(n: int) -> str:
    return _NUMBER.format(n=n, unit=_UNIT)


_ABOVE = r"above|over|more than|greater than|higher than|exceeds?|exceeding|>"
_AT_LEAST = (
    r"at least|no less than|not less than|no lower than|reach(?:es)?|hits?|touch(?:es)?|>=|≥"
)
_BELOW = r"below|under|less than|lower than|fewer than|<"
_AT_MOST = r"at most|no more than|not more than|no higher than|up to|<=|≤"
_RANGES = (
    ("between", re.compile(rf"\bbetween\s+{_number(1)}\s*(?:and|to|-|–)\s*{_number(2)}")),
    (
        "between",
        re.compile(rf"(?<![\d-]){_number(1)}\s*(?:to|-|–)\s*{_number(2)}(?![\d-])"),
    ),
    ("at_least", re.compile(rf"{_number(1)}\s*(?:\+|or (?:above|more|higher|greater|over)\b)")),
    ("at_most", re.compile(rf"{_number(1)}\s*or (?:below|less|lower|fewer|under)\b")),
    ("at_least", re.compile(rf"(?:\b(?:{_AT_LEAST})|>=|≥)\s*{_number(1)}")),
    ("at_most", re.compile(rf"(?:\b(?:{_AT_MOST})|<=|≤)\s*{_number(1)}")),
    ("above", re.compile(rf"(?:\b(?:{_ABOVE})|>)\s*{_number(1)}")),
    ("below", re.compile(rf"(?:\b(?:{_BELOW})|<)\s*{_number(1)}")),
    ("exactly", re.compile(rf"\bexactly\s+{_number(1)}")),
)
_FIGURE = re.compile(_number(1))
_TOUCH = re.compile(
    r"\b(hits?|reach(?:es)?|touch(?:es)?|dips?|at any (?:point|time)|any time|ever|all.time high)\b"
)
_NEGATION = re.compile(r"\b(?:not|no|never|fails?|failed|without|neither|nor)\b|n['’]t\b")
_SAME_WORDS = (
    (r"\bunited states\b|\bu\.s\.a?\.?|\busa\b", " us "),
    (r"\bfederal reserve\b|\bfomc\b|\bfed['’]s\b", " fed "),
    (r"\bno (?:rate )?change\b|\bunchanged\b|\bmaintains?(?: rates?)?\b|\bholds?\b", " hold "),
    (r"\bbtc\b", " bitcoin "),
    (r"\beth\b", " ethereum "),
    (r"\bnyc\b", " new york "),
    (r"\bhikes?\b|\braises?\b|\bincreases?\b", " hike "),
    (r"\bcuts?\b|(?<!\bor )(?<!\bno )\blowers?\b(?! than)|\bdecreases?\b", " cut "),
    (r"\bdefeats?\b|\bbeats?\b", " beat "),
    (r"\bwins?\b|\bwinner\b", " win "),
)
_NOISE = frozenset(
    re.findall(
        r"\S+",
        "will would the a an of be is are was to for in on at by as or and its this that it"
        " during until through end what who which price prices market markets close closing"
        " value have has do does there any their than rate rates interest there's s eod decision"
        " meeting",
    )
)
_ALWAYS_NAMES = frozenset({"fed", "bitcoin", "ethereum", "us"})


@lru_cache(maxsize=65_536)
def terms_of(text: str) -> Terms:
    """Take a title or a rule text apart; the same texts come again with every search."""
    left = text.lower()
    for pattern, word in _SAME_WORDS:
        left = re.sub(pattern, word, left)
    hours: set[Hour] = set()
    for clock in _HOURS:
        left, found = _take(clock, left)
        hours.update(_hour(match) for match in found)
    days: set[Day] = set()
    spans: set[Span] = set()
    for date in _DATES:
        left, told = _spans(date, left)
        spans |= told
        left, found = _take(date, left)
        days.update(_day(match) for match in found)
    touches = _TOUCH.search(left) is not None
    ranges: set[Range] = set()
    for kind, shape in _RANGES:
        left, found = _take(shape, left)
        ranges.update(_range(kind, match) for match in found)
    left, found = _take(_FIGURE, left)
    negations = len(_NEGATION.findall(left))
    words = tuple(_words(_NEGATION.sub(" ", _TOUCH.sub(" ", left))))
    capitals = {word.lower() for word in re.findall(r"\b[A-Z][^\W_]*(?:['’.][^\W_]+)*", text)}
    return Terms(
        ranges=frozenset(ranges),
        figures=frozenset(_value(match, 1) for match in found),
        days=frozenset(days),
        hours=frozenset(hours),
        spans=frozenset(spans),
        touches=touches,
        negated=negations % 2 == 1,
        words=words,
        names=tuple(dict.fromkeys(word for word in words if word in capitals | _ALWAYS_NAMES)),
    )


def _spans(date: re.Pattern[str], text: str) -> tuple[str, set[Span]]:
    """How the dates of one shape are meant, and the text without the words that say so.

    What else comes before or after something is matter: of two events, the order is the contract.
    """
    spans: set[Span] = set()
    left, rest = "", 0
    for match in date.finditer(text):
        left += text[rest : match.start()]
        rest = match.start()
        told = _BEFORE_DATE.search(left)
        if told is not None:
            named = told.group(1) == "after" and _MEETING.match(text, match.end())
            spans.add(Span.ON if named else _SPAN_OF[told.group(1)])
            left = left[: told.start()] + " "
    return left + text[rest:], spans


def _take(pattern: re.Pattern[str], text: str) -> tuple[str, list[re.Match[str]]]:
    """Cut every match out of a text."""
    return pattern.sub(" ", text), list(pattern.finditer(text))


def _words(text: str) -> Iterator[str]:
    for word in re.findall(r"[^\W_]+(?:['’.][^\W_]+)*", text):
        plain_word = re.sub(r"['’]s$", "", word)
        if plain_word not in _NOISE:
            yield plain_word


def _value(match: re.Match[str], n: int) -> tuple[Decimal, str]:
    number = Decimal(match[f"num{n}"].replace(",", ""))
    scale, unit = match[f"scale{n}"], match[f"unit{n}"]
    if scale:
        number = number.scaleb(_SCALE[scale])
    if match[f"sign{n}"] in {"-", "−"}:
        number = -number
    name = "usd" if match[f"cur{n}"] == "$" else _UNITS.get(unit or "", "")
    if match[f"cur{n}"] in {"€", "£"}:
        name = match[f"cur{n}"]
    if name == "bps":
        return (number / 100).normalize(), "percent"
    return number.normalize(), name


def _range(kind: str, match: re.Match[str]) -> Range:
    first, unit = _value(match, 1)
    if kind == "between":
        second, other = _value(match, 2)
        return Range(unit or other, min(first, second), True, max(first, second), True)
    if kind == "exactly":
        return Range(unit, first, True, first, True)
    if kind in {"above", "at_least"}:
        return Range(unit, first, kind == "at_least", None, False)
    return Range(unit, None, False, first, kind == "at_most")


def _day(match: re.Match[str]) -> Day:
    parts = match.groupdict()
    month = parts.get("month")
    number = int(parts["monthno"]) if parts.get("monthno") else None
    if month:
        number = 1 + next(at for at, name in enumerate(_MONTHS) if name.startswith(month[:3]))
    year, day = parts.get("year"), parts.get("day")
    return Day(int(year) if year else None, number, int(day) if day else None)


def _hour(match: re.Match[str]) -> Hour:
    parts = match.groupdict()
    zone = parts.get("zone") or ""
    zone = {"gmt": "utc", "eastern": "et"}.get(zone, zone)
    if len(zone) == 3 and zone != "utc":
        zone = zone[0] + "t"
    word = parts.get("word")
    if word:
        return Hour(0 if word == "midnight" else 720, zone)
    hour = int(parts["hour"])
    if parts.get("half"):
        hour = hour % 12 + (12 if parts["half"] == "p" else 0)
    return Hour(hour * 60 + int(parts.get("minute") or 0), zone)
