"""Gamma: markets and events with their rule texts, as the site shows them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from arbiter.markets.event_catalogue import WAITING, EventTopic, listing
from arbiter.model.event_fees import EventFee, FeeForm
from arbiter.model.ids import VenueId
from arbiter.model.money import ONE
from arbiter.model.time import NS_PER_HOUR, NS_PER_S
from arbiter.simex.market import Market
from arbiter.simex.polymarket import words
from arbiter.simex.rest import VenueError
from arbiter.simex.venue import Shown, VenueServer

_POLYMARKET = VenueId("polymarket")
FEE = EventFee(form=FeeForm.QUADRATIC, rate=Decimal("0.04"), step=Decimal("0.00001"))
"""Of the one market that charges any; in dollars, rounded up to five places."""
_CHALLENGE_NS = 2 * NS_PER_HOUR


class Listed:
    """One market under all its names."""

    def __init__(self, number: int, shown: Shown, market: Market, opened_ns: int) -> None:
        self.shown = shown
        self.topic: EventTopic = market.topic(shown.row)
        self.number = 500_000 + number
        self.slug = words.slug_of(self.topic)
        self.condition = words.condition_of(self.topic)
        self.tokens = words.tokens_of(self.topic)
        self.opened_ns = opened_ns
        self.closes_ns = market.closes_ns(shown.row)
        self.neg_risk = self.topic is WAITING
        self.last_price = "0.5"

    @property
    def terms(self) -> Any:
        return listing(
            self.topic,
            _POLYMARKET,
            self.shown.instrument.id,
            opens_ns=self.opened_ns,
            closes_ns=self.closes_ns,
            payout_ns=self.closes_ns + _CHALLENGE_NS,
        )


class Gamma:
    def __init__(self, server: VenueServer, listed: list[Listed]) -> None:
        self._server = server
        self._listed = listed
        self.changed_rules: set[str] = set()
        """Slugs whose texts were changed after they were listed."""

    def markets(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        found = [self.market(one) for one in self._wanted(query)]
        return _page(found, query)

    def events(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        found = [self.event(one) for one in self._wanted(query)]
        return _page(found, query)

    def event_of(self, name: str) -> dict[str, Any]:
        for one in self._listed:
            if name in (one.slug, str(one.number)):
                return self.event(one)
        raise VenueError(0, "not found", 404)

    def search(self, query: dict[str, list[str]]) -> dict[str, Any]:
        asked = " ".join(query.get("q", [""])).lower()
        found = [self.event(o) for o in self._listed if asked in str(o.terms.title).lower()]
        return {"events": found, "pagination": {"hasMore": False, "totalResults": len(found)}}

    def _wanted(self, query: dict[str, list[str]]) -> list[Listed]:
        names = {name: set(query[name]) for name in query}
        closed = query.get("closed", [""])[0]
        found = []
        for one in self._listed:
            if closed in ("true", "false") and (closed == "true") != self._decided(one):
                continue
            if "slug" in names and one.slug not in names["slug"]:
                continue
            if "condition_ids" in names and one.condition not in names["condition_ids"]:
                continue
            if "clob_token_ids" in names and not names["clob_token_ids"] & set(one.tokens):
                continue
            if "id" in names and str(one.number) not in names["id"]:
                continue
            found.append(one)
        return found

    def _decided(self, one: Listed) -> bool:
        return one.shown.row in self._server.decided

    def market(self, one: Listed) -> dict[str, Any]:
        terms, shown = one.terms, one.shown
        payout = self._server.decided.get(shown.row)
        closed = payout is not None
        prices = self._prices(shown) if payout is None else (payout, ONE - payout)
        rules = terms.rules
        charges = shown.instrument.event_fee == FEE
        if one.slug in self.changed_rules:
            rules += " Corrections that come within an hour count."
        made = {
            "id": str(one.number),
            "question": terms.title,
            "conditionId": one.condition,
            "slug": one.slug,
            "resolutionSource": terms.resolution_source,
            "endDate": _iso(one.closes_ns),
            "startDate": _iso(one.opened_ns),
            "description": rules,
            "outcomes": msgspec.json.encode(list(words.OUTCOMES)).decode(),
            "outcomePrices": msgspec.json.encode([words.number(p) for p in prices]).decode(),
            "volume": "0",
            "active": True,
            "closed": closed,
            "archived": False,
            "groupItemTitle": terms.outcome,
            "questionID": words.question_of(one.topic),
            "enableOrderBook": True,
            "orderPriceMinTickSize": float(shown.instrument.tick),
            "orderMinSize": float(shown.instrument.min_size),
            "clobTokenIds": msgspec.json.encode(list(one.tokens)).decode(),
            "acceptingOrders": not closed,
            "negRisk": one.neg_risk,
            "feesEnabled": charges,
            "umaResolutionStatus": "resolved" if closed else "",
            "automaticallyResolved": closed,
        }
        if charges:
            schedule = {
                "exponent": 1,
                "rate": float(FEE.rate),
                "takerOnly": True,
                "rebateRate": 0.2,
            }
            made |= {"feeType": "simulated", "feeSchedule": schedule}
        if closed:
            made["closedTime"] = _iso(self._server.decided_ns[one.shown.row])
        return made

    def event(self, one: Listed) -> dict[str, Any]:
        terms = one.terms
        return {
            "id": str(one.number),
            "ticker": one.slug,
            "slug": one.slug,
            "title": terms.title,
            "description": terms.rules,
            "resolutionSource": terms.resolution_source,
            "startDate": _iso(one.opened_ns),
            "endDate": _iso(one.closes_ns),
            "active": True,
            "closed": self._decided(one),
            "archived": False,
            "negRisk": one.neg_risk,
            "enableNegRisk": False,
            "negRiskAugmented": False,
            "volume": 0,
            "liquidity": 0,
            "tags": [{"id": "1", "label": terms.category.title(), "slug": terms.category}],
            "markets": [self.market(one)],
        }

    def _prices(self, shown: Shown) -> tuple[Decimal, Decimal]:
        bid, ask, _, _ = shown.book.top
        yes = shown.instrument.tick * (bid + ask) / 2
        return yes, ONE - yes


def _page(found: list[dict[str, Any]], query: dict[str, list[str]]) -> list[dict[str, Any]]:
    first = int(query.get("offset", ["0"])[0])
    return found[first : first + min(int(query.get("limit", ["20"])[0]), 500)]


def _iso(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // NS_PER_S, UTC).isoformat().replace("+00:00", "Z")
