"""Refusals of a simulated venue, under the codes the real one uses for them."""

from enum import StrEnum

from arbiter.model.ids import VenueId


class Refusal(StrEnum):
    UNKNOWN_INSTRUMENT = "UNKNOWN_INSTRUMENT"
    DUPLICATE_ID = "DUPLICATE_CLIENT_ORDER_ID"
    TICK = "TICK_SIZE"
    LOT = "LOT_SIZE"
    MIN_SIZE = "MIN_SIZE"
    MIN_NOTIONAL = "MIN_NOTIONAL"
    BALANCE = "INSUFFICIENT_BALANCE"
    WOULD_TAKE = "POST_ONLY_WOULD_TAKE"
    NO_MARKET = "NO_MARKET"
    """A market order while nothing is displayed."""
    UNSUPPORTED = "UNSUPPORTED"
    """A combination the venue does not know (post-only with IOC, a limit without price …)."""
    NOT_REDUCING = "REDUCE_ONLY_WOULD_OPEN"
    """Reduce-only, and there is nothing on the other side to reduce."""
    UNKNOWN_ORDER = "UNKNOWN_ORDER"
    ALREADY_ENDED = "ORDER_ALREADY_ENDED"


# As the venues document them; two refusals may share a code there, the text tells them apart.
_CODES: dict[str, dict[Refusal, str]] = {
    "binance": {
        Refusal.UNKNOWN_INSTRUMENT: "-1121",
        Refusal.DUPLICATE_ID: "-2010",
        Refusal.TICK: "-1013",
        Refusal.LOT: "-1013",
        Refusal.MIN_SIZE: "-1013",
        Refusal.MIN_NOTIONAL: "-1013",
        Refusal.BALANCE: "-2010",
        Refusal.WOULD_TAKE: "-2010",
        Refusal.NO_MARKET: "-2010",
        Refusal.UNSUPPORTED: "-1106",
        Refusal.UNKNOWN_ORDER: "-2011",
        Refusal.ALREADY_ENDED: "-2011",
    },
    "bybit": {
        Refusal.UNKNOWN_INSTRUMENT: "170121",
        Refusal.DUPLICATE_ID: "170141",
        Refusal.TICK: "170134",
        Refusal.LOT: "170137",
        Refusal.MIN_SIZE: "170136",
        Refusal.MIN_NOTIONAL: "170140",
        Refusal.BALANCE: "170131",
        Refusal.WOULD_TAKE: "170218",
        Refusal.UNKNOWN_ORDER: "170213",
        Refusal.ALREADY_ENDED: "170213",
    },
    "okx": {
        Refusal.UNKNOWN_INSTRUMENT: "51001",
        Refusal.DUPLICATE_ID: "51016",
        Refusal.TICK: "51000",
        Refusal.LOT: "51121",
        Refusal.MIN_SIZE: "51020",
        Refusal.MIN_NOTIONAL: "51020",
        Refusal.BALANCE: "51008",
        Refusal.UNSUPPORTED: "51000",
        Refusal.UNKNOWN_ORDER: "51400",
        Refusal.ALREADY_ENDED: "51400",
    },
    "kraken": {
        Refusal.UNKNOWN_INSTRUMENT: "EQuery:Unknown asset pair",
        Refusal.TICK: "EOrder:Tick size check failed",
        Refusal.LOT: "EGeneral:Invalid arguments:volume",
        Refusal.MIN_SIZE: "EOrder:Order minimum not met",
        Refusal.MIN_NOTIONAL: "EOrder:Cost minimum not met",
        Refusal.BALANCE: "EOrder:Insufficient funds",
        Refusal.WOULD_TAKE: "EOrder:Post only order",
        Refusal.UNSUPPORTED: "EGeneral:Invalid arguments",
        Refusal.UNKNOWN_ORDER: "EOrder:Unknown order",
        Refusal.ALREADY_ENDED: "EOrder:Unknown order",
    },
    "binance_futures": {
        Refusal.UNKNOWN_INSTRUMENT: "-1121",
        Refusal.DUPLICATE_ID: "-4116",
        Refusal.TICK: "-4014",
        Refusal.LOT: "-1111",
        Refusal.MIN_SIZE: "-4003",
        Refusal.MIN_NOTIONAL: "-4164",
        Refusal.BALANCE: "-2019",
        Refusal.WOULD_TAKE: "-5022",
        Refusal.NOT_REDUCING: "-2022",
        Refusal.UNKNOWN_ORDER: "-2011",
        Refusal.ALREADY_ENDED: "-2011",
    },
    "bybit_futures": {
        Refusal.UNKNOWN_INSTRUMENT: "10001",
        Refusal.DUPLICATE_ID: "110072",
        Refusal.BALANCE: "110007",
        Refusal.NOT_REDUCING: "110017",
        Refusal.UNKNOWN_ORDER: "110001",
        Refusal.ALREADY_ENDED: "110001",
    },
}


def venue_code(venue: VenueId, refusal: Refusal) -> str:
    """Give the venue's own code, or the plain name where it has none."""
    return _CODES.get(venue, {}).get(refusal, refusal.value)
