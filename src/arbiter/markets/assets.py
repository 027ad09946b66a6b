"""What the simulated venues list: base assets with a starting price in USD and a volatility.

Prices are round figures of the right magnitude, not quotations. Past the named assets more are
made up, so that any number of symbols can be asked for.
"""

from decimal import Decimal

import msgspec

from arbiter.model.ids import Asset


class BaseAsset(msgspec.Struct, frozen=True, kw_only=True):
    """`price` in USD at the first start, `volatility` relative to the market's."""

    name: Asset
    price: Decimal
    volatility: float


_NAMED = """
BTC 43250 0.7   ETH 2285 0.85    BNB 312 0.8     SOL 98.5 1.2    XRP 0.615 1.0   ADA 0.582 1.1
DOGE 0.0912 1.3 AVAX 36.4 1.3    DOT 7.42 1.1    LINK 15.1 1.1   LTC 71.8 0.9    BCH 248 1.0
TRX 0.108 0.8   ATOM 10.2 1.1    UNI 6.31 1.2    ETC 26.9 1.1    XLM 0.121 1.0   FIL 5.74 1.2
NEAR 3.38 1.3   APT 9.27 1.3     ARB 1.86 1.3    OP 3.12 1.3     INJ 36.2 1.4    SUI 1.44 1.4
AAVE 96.3 1.1   MKR 2010 1.0     ALGO 0.187 1.1  VET 0.0291 1.1  HBAR 0.0784 1.1 ICP 12.4 1.2
GRT 0.162 1.2   SAND 0.468 1.2   MANA 0.451 1.2  AXS 7.63 1.2    EGLD 57.8 1.1   XTZ 0.982 1.0
THETA 1.04 1.1  FLOW 0.843 1.1   EOS 0.712 1.0   CHZ 0.0864 1.1  CRV 0.524 1.2   SNX 3.41 1.2
COMP 53.6 1.1   LDO 2.94 1.3     RUNE 5.12 1.3   KAVA 0.781 1.1  ZEC 23.7 1.0    DASH 29.4 1.0
ENJ 0.293 1.1   BAT 0.241 1.1    ZIL 0.0223 1.1  IOTA 0.231 1.1  NEO 11.9 1.0    QTUM 3.02 1.0
KSM 39.8 1.1    ONE 0.0148 1.2   IMX 2.08 1.3    STX 1.52 1.3    GALA 0.0261 1.3 DYDX 2.87 1.3
"""


def base_assets(count: int) -> tuple[BaseAsset, ...]:
    """Give the first `count` base assets, most liquid first; BTC and ETH lead."""
    words = _NAMED.split()
    named = [
        BaseAsset(name=Asset(name), price=Decimal(price), volatility=float(volatility))
        for name, price, volatility in zip(words[::3], words[1::3], words[2::3], strict=True)
    ]
    return tuple(named[:count]) + tuple(_made_up(n) for n in range(count - len(named)))


def _made_up(number: int) -> BaseAsset:
    """Prices run over five magnitudes, as those of small coins do."""
    magnitude = number % 5 - 3
    leading = Decimal(100 + number * 37 % 900).scaleb(-2)
    return BaseAsset(
        name=Asset(f"{_letters(number)}Q"),
        price=leading.scaleb(magnitude).normalize(),
        volatility=1.0 + 0.1 * (number % 5),
    )


def _letters(number: int) -> str:
    """Three letters from a number: AAA, AAB … each followed by Q, on which no named asset ends."""
    text = ""
    for _ in range(3):
        number, rest = divmod(number, 26)
        text = chr(ord("A") + rest) + text
    return text
