"""Aster: USDT perpetuals in Binance's shapes, signed by a wallet."""
