"""What the virtual venues list."""

from decimal import Decimal

from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import FeeCharge, Instrument, InstrumentKind
from arbiter.model.margin import MarginTerms, tiers

VENUES = (VenueId("binance"), VenueId("bybit"), VenueId("okx"))
USDT, BNB = Asset("USDT"), Asset("BNB")
MIDS = {"BTC": 100.0, "ETH": 20.0}
LOTS = {"binance": "0.001", "bybit": "0.0025", "okx": "0.0001"}
MINIMA = {"binance": Decimal(5), "bybit": Decimal(10), "okx": Decimal(1)}
CHARGES = {"binance": FeeCharge.RECEIVED, "bybit": FeeCharge.QUOTE, "okx": FeeCharge.THIRD}


def spot_pair(
    venue: VenueId,
    base: str,
    *,
    lot: str,
    min_notional: Decimal,
    charge: FeeCharge,
    taker_fee: Decimal,
) -> Instrument:
    """A pair whose lot, minimum and fee asset differ from venue to venue."""
    return Instrument(
        id=InstrumentId(f"{base}USDT.{venue.upper()}"),
        venue=venue,
        market_id=f"{base}USDT",
        symbol=Symbol(f"{base}/USDT"),
        base=Asset(base),
        quote=USDT,
        settle=USDT,
        tick=Decimal("0.01"),
        lot=Decimal(lot),
        min_size=Decimal("0.01"),
        min_notional=min_notional,
        maker_fee=min(Decimal("0.0005"), taker_fee),
        taker_fee=taker_fee,
        fee_charge=charge,
        fee_asset=BNB if charge is FeeCharge.THIRD else None,
    )


def perpetual(venue: VenueId, base: str) -> Instrument:
    """A linear contract of one base unit in the same account as the venue's spot."""
    return Instrument(
        id=InstrumentId(f"{base}USDT-PERP.{venue.upper()}"),
        venue=venue,
        market_id=f"{base}USDT-PERP",
        symbol=Symbol(f"{base}/USDT:PERP"),
        kind=InstrumentKind.LINEAR,
        base=Asset(base),
        quote=USDT,
        settle=USDT,
        tick=Decimal("0.01"),
        lot=Decimal("0.001"),
        min_size=Decimal("0.001"),
        min_notional=Decimal(1),
        maker_fee=Decimal("0.0002"),
        taker_fee=Decimal("0.0005"),
        margin=MarginTerms(
            max_leverage=Decimal(10),
            tiers=tiers((None, Decimal("0.01"))),
            liquidation_fee=Decimal("0.005"),
        ),
    )
