"""MarketService: what is listed, and the newest top of book."""

import arbiter_pb2 as pb
from arbiter.api.control.convert import Markets, exchange_of, limit_of, moment, venues_of
from arbiter.api.control.deps import ControlDeps
from arbiter.api.control.guard import Call
from arbiter.model.errors import InvalidValue
from arbiter.model.instruments import Instrument
from arbiter.model.quotes import Quote
from arbiter.model.time import NS_PER_MS


class MarketService:
    def __init__(self, deps: ControlDeps, markets: Markets) -> None:
        self._deps = deps
        self._markets = markets

    async def ListMarkets(
        self, request: pb.ListMarketsRequest, call: Call
    ) -> pb.ListMarketsResponse:
        venues = venues_of(request.exchange, self._markets.venues)
        text = request.text.casefold()
        if request.offset < 0:
            raise InvalidValue(f"offset must not be negative, got {request.offset}")
        found = [
            each
            for each in self._markets.all
            if (venues is None or each.venue in venues) and text in self._words(each)
        ]
        limit = limit_of(request.limit, default=100, most=1_000)
        page = found[request.offset : request.offset + limit]
        return pb.ListMarketsResponse(
            markets=[self._shown(each) for each in page], total=len(found)
        )

    async def GetOrderBook(self, request: pb.GetOrderBookRequest, call: Call) -> pb.OrderBook:
        instrument = self._markets.find(request.exchange, request.market_id)
        depth = await self._deps.depth.first(instrument.id)
        core, now = self._deps.core, self._deps.clock.now_ns()
        quote = core.board.quote(instrument.id)
        age = core.board.age_ns(instrument.id, now)
        book = pb.OrderBook(
            exchange=exchange_of(instrument.venue), market_id=self._markets.id_shown(instrument.id)
        )
        if quote is None or age is None:
            return book
        limit = core.gate.limits.staleness_threshold_ms * NS_PER_MS
        if depth is None:
            book.bids.append(pb.BookLevel(price=quote.bid, size=quote.bid_size))
            book.asks.append(pb.BookLevel(price=quote.ask, size=quote.ask_size))
            received_ns = quote.receive_ns
        else:
            book.bids.extend(pb.BookLevel(price=price, size=size) for price, size in depth.bids)
            book.asks.extend(pb.BookLevel(price=price, size=size) for price, size in depth.asks)
            received_ns, age = depth.receive_ns, now - depth.receive_ns
        book.received_at.CopyFrom(moment(received_ns))
        book.age_ms = age // NS_PER_MS
        book.fresh = age <= limit and core.board.healthy(instrument.venue)
        return book

    def _words(self, each: Instrument) -> str:
        name = self._markets.name_shown(each.id)
        return f"{each.market_id} {each.id} {each.symbol} {name}".casefold()

    def _shown(self, each: Instrument) -> pb.Market:
        return pb.Market(
            exchange=exchange_of(each.venue),
            venue=each.venue,
            market_id=self._markets.id_shown(each.id),
            name=self._markets.name_shown(each.id),
            kind=each.kind.value.lower(),
            base=each.base,
            quote=each.quote,
            tick=float(each.tick),
            lot=float(each.lot),
            min_size=float(each.min_size),
            min_notional=float(each.min_notional),
            maker_fee=float(each.maker_fee),
            taker_fee=float(each.taker_fee),
        )


def quote_shown(instrument: Instrument, quote: Quote, markets: Markets) -> pb.Quote:
    return pb.Quote(
        exchange=exchange_of(instrument.venue),
        market_id=markets.id_shown(instrument.id),
        bid=quote.bid,
        ask=quote.ask,
        bid_size=quote.bid_size,
        ask_size=quote.ask_size,
        received_at=moment(quote.receive_ns),
    )
