"""Aster's futures API v3: Binance's shapes behind a door of wallets."""
