"""What a symbol is made of.

Spot symbols are ``BTC/USDT``, perpetual ones ``BTC/USDT:PERP``, event markets ``NAME/USD:EVENT``.
What contracts leave over is carried under a name of its own, ``BTC-PERP``, ``NAME-EVENT``: it is no
coin that anybody holds.
"""

from functools import lru_cache

from arbiter.model.errors import LedgerError
from arbiter.model.ids import Asset, Symbol


@lru_cache(maxsize=8192)
def base_and_quote(symbol: Symbol) -> tuple[Asset, Asset]:
    """Split ``BTC/USDT`` into its assets; anything else is no spot symbol and a `LedgerError`."""
    base, slash, quote = symbol.partition("/")
    if not (base and slash and quote) or ":" in quote or "/" in quote:
        raise LedgerError(f"{symbol!r} is not of the form BASE/QUOTE: its fills move no known cash")
    return Asset(base), Asset(quote)


@lru_cache(maxsize=8192)
def account_assets(symbol: Symbol) -> tuple[Asset, Asset]:
    """Name base and quote of a trade's account, of any kind of symbol."""
    pair, colon, kind = symbol.partition(":")
    base, quote = base_and_quote(Symbol(pair))
    return (Asset(f"{base}-{kind}") if colon else base), quote
