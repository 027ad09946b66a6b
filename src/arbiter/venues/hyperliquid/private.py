"""What Hyperliquid tells of a wallet by stream: orders, fills, funding. All of it is public.

Snapshots that begin a subscription are left to REST, which makes up for what was missed.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from arbiter.model.ids import ClientOrderId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.reports import (
    Ended,
    Filled,
    ForcedReported,
    FundingReported,
    VenueReport,
)
from arbiter.model.time import NS_PER_MS
from arbiter.venues.common.frames import UNREADABLE, BadFrame
from arbiter.venues.common.reports import Reports
from arbiter.venues.common.stream import Link
from arbiter.venues.hyperliquid import rows
from arbiter.venues.hyperliquid.talk import GREETING, PING, subscribe

_KINDS = ("orderUpdates", "userFills", "userFundings", "userEvents")
_MOST_HELD = 1_000


class PrivateTalk:
    """Follows one wallet. `known` gives our id of an order by the venue's two, `learn` keeps one."""

    keepalive: bytes | None = PING

    def __init__(
        self,
        link: Link,
        venue: VenueId,
        account: str,
        markets: Mapping[str, Instrument],
        say: Callable[[VenueReport], None],
        known: Callable[[Any], ClientOrderId | None],
        learn: Callable[[Any], ClientOrderId],
    ) -> None:
        self._link = link
        self._venue = venue
        self._account = account
        self._markets = markets
        self._reports = Reports(say)
        self._known = known
        self._learn = learn
        self._waiting = set(_KINDS)
        self._held: dict[int, list[Any]] = {}
        """Fills of orders of which only the venue's number is known yet, by it."""

    def opened(self) -> None:
        for kind in _KINDS:
            self._link.send(subscribe({"type": kind, "user": self._account}))

    def tick(self) -> None:
        """Nothing falls due here."""

    def closed(self) -> None:
        """What was held is asked for over REST."""

    def hear(self, data: bytes) -> None:
        if data == GREETING:
            self._link.aside()
            return
        try:
            told = msgspec.json.decode(data)
        except UNREADABLE as error:
            raise BadFrame(f"no JSON: {error}") from None
        if not isinstance(told, dict):
            raise BadFrame("no object")
        with self._reports:
            self._take(told.get("channel"), told.get("data"))

    def _take(self, channel: Any, data: Any) -> None:
        match channel:
            case "orderUpdates":
                for row in data:
                    self._order(row)
            case "userFills":
                for row in () if data.get("isSnapshot") else data["fills"]:
                    self._fill(row)
            case "userFundings":
                for row in () if data.get("isSnapshot") else data["fundings"]:
                    self._funding(row)
            case "subscriptionResponse":
                self._granted(data)
            case "error":
                self._link.aside()
                self._link.drop(f"subscription refused: {data}")
            case _:  # events of the user repeat what the others tell
                self._link.aside()

    def _granted(self, data: Any) -> None:
        self._link.aside()
        self._waiting.discard(data["subscription"]["type"])
        if not self._waiting:
            self._link.ready()

    def _order(self, update: Any) -> None:
        row = update["order"]
        name = self._learn(row)
        instrument = self._markets.get(row["coin"])
        if instrument is None:
            return
        for held in self._held.pop(int(row["oid"]), ()):
            self._fill(held)
        truth = rows.order_truth(
            row, update["status"], update["statusTimestamp"], self._venue, instrument, name
        )
        if truth.status.terminal:
            self._reports.add(
                Ended(
                    venue=self._venue,
                    at_ns=truth.at_ns,
                    client_order_id=name,
                    status=truth.status,
                    filled_size=truth.filled_size,
                    reason="" if update["status"] == "filled" else str(update["status"]),
                )
            )

    def _fill(self, row: Any) -> None:
        instrument = self._markets.get(row["coin"])
        if instrument is None:
            return
        cause = rows.forced_cause(row, self._account)
        at_ns = int(row["time"]) * NS_PER_MS
        if cause is not None:
            close = rows.forced(row, cause, self._venue, instrument)
            self._reports.add(ForcedReported(venue=self._venue, at_ns=at_ns, forced=close))
            return
        name = self._known(row)
        if name is None:
            self._held.setdefault(int(row["oid"]), []).append(row)
            if len(self._held) > _MOST_HELD:  # the oldest is of an order that is not told of
                del self._held[next(iter(self._held))]
            return
        made = rows.fill(row, self._venue, instrument, name)
        self._reports.add(Filled(venue=self._venue, at_ns=at_ns, fill=made))

    def _funding(self, row: Any) -> None:
        instrument = self._markets.get(row["coin"])
        if instrument is not None:
            paid = rows.payment(row, row["time"], self._venue, instrument)
            self._reports.add(FundingReported(venue=self._venue, at_ns=paid.at_ns, payment=paid))
