"""Binance: spot (`/api`, `/sapi`, `/ws-api`) and USD-M futures (`/fapi`, `/ws-fapi`)."""
