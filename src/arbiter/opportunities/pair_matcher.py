"""Proposes event pairs, and would rather say nothing.

Two markets are proposed only when nothing that can be compared differs: strikes and buckets, dates
and hours, deadlines and moments, names and their order, what decides and who. Titles alone prove
nothing (the likeliest titles are often different contracts), so without both rule texts and a
named resolution source there is no proposal. What cannot be settled here goes along as a warning
for the person who approves.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import combinations
from typing import TypeVar

import msgspec
from rapidfuzz.distance import Levenshtein

from arbiter.model.event_pairs import EventListing, Polarity
from arbiter.model.money import plain
from arbiter.model.time import NS_PER_DAY, NS_PER_HOUR
from arbiter.opportunities.contract_terms import Day, Hour, Range, Span, terms_of
from arbiter.opportunities.matcher_settings import MatcherSettings

T = TypeVar("T")


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    first: EventListing
    second: EventListing
    polarity: Polarity
    score: float
    warnings: tuple[str, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Why two markets are not proposed, or how they would be."""

    differences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    polarity: Polarity = Polarity.SAME
    score: float = 0.0

    @property
    def matches(self) -> bool:
        return not self.differences


class _Side:
    """A listing and its words, taken apart once."""

    def __init__(self, listing: EventListing) -> None:
        self.listing = listing
        self.title = terms_of(f"{listing.title} {listing.outcome}")
        self.rules = terms_of(_ELSE_NO.sub(" ", listing.rules))
        self.words = self.title.words

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def ranges(self) -> frozenset[Range]:
        """By the title, or by the rules where the title leaves it open."""
        return self.title.ranges or self.rules.ranges

    def days(self) -> frozenset[Day]:
        return self.title.days or self.rules.days

    def hours(self) -> frozenset[Hour]:
        return self.title.hours or self.rules.hours

    def key(self) -> Hashable:
        """What two sides of one contract cannot differ in, opposite thresholds included."""
        return (
            frozenset(self.words),
            self.title.figures,
            frozenset((each.unit, each.low, each.high) for each in self.ranges() if each.closed),
            frozenset((each.unit, each.bound) for each in self.ranges() if not each.closed),
            frozenset(each.minutes for each in self.hours()),
        )


class PairMatcher:
    """Compares markets of different venues; pure, and the same answer every time."""

    def __init__(self, settings: MatcherSettings) -> None:
        self.settings = settings

    def proposals(self, listings: Iterable[EventListing]) -> list[Proposal]:
        """Give every pair that nothing speaks against, likest first.

        A market that would fit several of one venue is in none of them: that is a doubt too.
        """
        sides = [_Side(listing) for listing in listings]
        found = [
            Proposal(
                first=a.listing,
                second=b.listing,
                polarity=verdict.polarity,
                score=verdict.score,
                warnings=verdict.warnings,
            )
            for a, b in self._near(sides)
            if (verdict := self._compare(a, b)).matches
        ]
        seen: dict[tuple[str, str], int] = {}
        for proposal in found:
            for key in _claims(proposal):
                seen[key] = seen.get(key, 0) + 1
        single = [p for p in found if all(seen[key] == 1 for key in _claims(p))]
        return sorted(single, key=lambda p: (-p.score, p.first.instrument, p.second.instrument))

    def compare(self, first: EventListing, second: EventListing) -> Verdict:
        """Say everything that speaks against one pair."""
        return self._compare(_Side(first), _Side(second))

    def _near(self, sides: list[_Side]) -> Iterator[tuple[_Side, _Side]]:
        """Pairs of two venues with the same words, bounds and hours: no other can be proposed."""
        alike: dict[Hashable, list[_Side]] = {}
        for side in sorted(sides, key=lambda s: (s.listing.venue, s.listing.instrument)):
            alike.setdefault(side.key(), []).append(side)
        for group in alike.values():
            for a, b in combinations(group, 2):
                if a.listing.venue != b.listing.venue:
                    yield a, b

    def _compare(self, a: _Side, b: _Side) -> Verdict:
        differences = [*self._formal(a.listing, b.listing), *_moments(a, b), *_matter(a, b)]
        complement, thresholds = _thresholds(a, b)
        differences += thresholds
        score = _score(a, b)
        if score < self.settings.min_score:
            differences.append(f"words: likeness {score:.2f}")
        negated = a.title.negated is not b.title.negated
        return Verdict(
            differences=tuple(differences),
            warnings=tuple(_warnings(a, b)),
            polarity=Polarity.COMPLEMENT if complement is not negated else Polarity.SAME,
            score=score,
        )

    def _formal(self, a: EventListing, b: EventListing) -> Iterator[str]:
        """What needs no reading of words."""
        if a.venue == b.venue:
            yield f"venue: both on {a.venue}"
        if a.category and b.category and a.category.lower() != b.category.lower():
            yield f"category: {a.category} / {b.category}"
        if a.outcomes != b.outcomes:
            yield f"outcomes: {a.outcomes} / {b.outcomes}"
        apart = abs(a.closes_ns - b.closes_ns)
        if apart > self.settings.max_expiry_days * NS_PER_DAY:
            yield f"expiry: {apart / NS_PER_DAY:.1f} days apart"
        if a.recurs_ns != b.recurs_ns:
            yield "rounds: not decided equally often"
        if a.simulated is not b.simulated:
            yield "simulated: only one of them"
        for listing in (a, b):
            if len(listing.rules.strip()) < self.settings.min_rules or _is_placeholder(listing):
                yield f"rules: {listing.venue} tells none that decide"
            if _OTHER.search(f"{listing.title} {listing.outcome}".lower()):
                yield f"outcome: {listing.venue} means whatever else happens"
        yield from _sources(a, b)


def _claims(proposal: Proposal) -> tuple[tuple[str, str], tuple[str, str]]:
    """A market of one venue with the other venue it is paired to."""
    a, b = proposal.first, proposal.second
    return (a.instrument, b.venue), (b.instrument, a.venue)


_PLACEHOLDER = re.compile(r"\b(tbd|tba|placeholder|to be (?:announced|determined)|lorem ipsum)\b")
_OTHER = re.compile(r"\b(other|another|someone else|the field|none of (?:the|these))\b")
_SOURCE_NOISE = frozenset(
    {"the", "of", "a", "an", "and", "by", "from", "official", "website", "data", "com", "www"}
    | {"https", "http"}
)
_ELSE_NO = re.compile(
    r"\b(?:otherwise|else)\b[^.;]{0,60}?\bno\b|\bno\b[\"”']?,? otherwise", re.IGNORECASE
)
"""Says what any market says, and negates nothing."""
_TRIGGER = re.compile(r"\b(announce\w*|declar\w*|report\w*|certif\w*)\b")
_EFFECT = re.compile(r"\b(tak\w+ effect|occur\w*|begin\w*|takes? office|comes? into force)\b")


def _is_placeholder(listing: EventListing) -> bool:
    return _PLACEHOLDER.search(listing.rules.lower()) is not None


def _source_words(listing: EventListing) -> frozenset[str]:
    words = re.findall(r"[^\W_]+", listing.resolution_source.lower())
    return frozenset(words) - _SOURCE_NOISE


def _sources(a: EventListing, b: EventListing) -> Iterator[str]:
    """Both must name who or what decides, and mean the same: one more station is another one."""
    first, second = _source_words(a), _source_words(b)
    if not first or not second:
        yield "source: not named on both venues"
    elif not (first <= second or second <= first):
        yield f"source: {a.resolution_source} / {b.resolution_source}"


def _moments(a: _Side, b: _Side) -> Iterator[str]:
    """Dates, hours, and how they are meant."""
    if not _agree(a.days(), b.days(), Day.agrees):
        yield f"date: {_list(a.days())} / {_list(b.days())}"
    if not _agree(a.hours(), b.hours(), Hour.agrees):
        yield f"hour: {_list(a.hours())} / {_list(b.hours())}"
    spans = a.title.spans, b.title.spans
    begins = [told & {Span.AFTER, Span.FROM} for told in spans]
    if begins[0] != begins[1] or (spans[0] and spans[1] and spans[0].isdisjoint(spans[1])):
        yield f"period: {_list(spans[0])} / {_list(spans[1])}"
    if a.title.touches is not b.title.touches:
        yield "period: one is decided at any moment, the other at the end"


def _thresholds(a: _Side, b: _Side) -> tuple[bool, list[str]]:
    """Whether one's YES values are just the other's NO values, and what differs otherwise."""
    first, second = a.ranges(), b.ranges()
    differences = []
    for side in (a, b):
        told, ruled = side.title.ranges, side.rules.ranges
        if told and ruled and not told & ruled:
            text = f"{_list(told)} in the title, {_list(ruled)} in the rules"
            differences.append(f"strike: {side.listing.venue} says {text}")
    if first == second:
        return False, differences
    if len(first) == len(second) == 1 and next(iter(first)).complements(next(iter(second))):
        return True, differences
    return False, [*differences, f"strike: {_list(first)} / {_list(second)}"]


def _matter(a: _Side, b: _Side) -> Iterator[str]:
    """Numbers without a comparison, and the names: who, what, and in which order."""
    if a.title.figures != b.title.figures:
        shown = [
            _list(f"{plain(number)} {unit}".strip() for number, unit in side.title.figures)
            for side in (a, b)
        ]
        yield f"figures: {shown[0]} / {shown[1]}"
    left, right = frozenset(a.words), frozenset(b.words)
    if left != right:
        yield f"words: {_list(left - right)} / {_list(right - left)}"
    shared = frozenset(a.title.names) & frozenset(b.title.names)
    if _only(a.title.names, shared) != _only(b.title.names, shared):
        yield "order: the same names the other way round"


def _only(names: tuple[str, ...], shared: frozenset[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name in shared)


def _agree(first: frozenset[T], second: frozenset[T], agrees: Callable[[T, T], bool]) -> bool:
    """Each of one side has its like on the other; nothing on both agrees too."""
    return all(any(agrees(x, y) for y in second) for x in first) and all(
        any(agrees(x, y) for y in first) for x in second
    )


def _score(a: _Side, b: _Side) -> float:
    """How alike the words are once numbers and dates are out of them."""
    one, other = frozenset(a.words), frozenset(b.words)
    if not one or not other:
        return 0.0
    jaccard = len(one & other) / len(one | other)
    ordered = " ".join(sorted(one)), " ".join(sorted(other))
    return 0.6 * jaccard + 0.4 * Levenshtein.normalized_similarity(*ordered)


def _warnings(a: _Side, b: _Side) -> Iterator[str]:
    """What a person has to look at before approving."""
    one, other = a.listing, b.listing
    if one.void_rule.strip().lower() != other.void_rule.strip().lower():
        yield f"void: {one.void_rule or 'not told'} / {other.void_rule or 'not told'}"
    if _source_words(one) != _source_words(other):
        yield f"source: {one.resolution_source} / {other.resolution_source}"
    if one.augmented or other.augmented:
        yield "augmented: outcomes may be added, so asks sum below 1 by construction"
    if abs(one.payout_ns - other.payout_ns) > 12 * NS_PER_HOUR:
        yield "payout: expected on different days"
    texts = one.rules.lower(), other.rules.lower()
    for pattern, name in ((_TRIGGER, "an announcement"), (_EFFECT, "the event itself")):
        if (pattern.search(texts[0]) is None) is not (pattern.search(texts[1]) is None):
            yield f"trigger: only one text speaks of {name}"
    turned = a.title.negated is not b.title.negated
    if (a.rules.negated is not b.rules.negated) is not turned:
        yield "negation: the rule texts turn it otherwise than the titles do"
    if a.rules.touches is not b.rules.touches:
        yield "period: only one rule text speaks of any moment"
    for side in (a, b):
        told, ruled = side.title.days, side.rules.days
        if told and ruled and not any(x.agrees(y) for x in told for y in ruled):
            text = f"{_list(told)} in the title, {_list(ruled)} in the rules"
            yield f"date: {side.listing.venue} says {text}"
    if not a.title.days and not b.title.days and not one.recurs_ns:
        yield "date: neither title tells one"


def _list(values: Iterable[object]) -> str:
    return ", ".join(sorted(str(value) for value in values)) or "none"
