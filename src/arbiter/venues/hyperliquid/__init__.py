"""Hyperliquid: perpetuals margined in USDC, and what its wallets publicly do."""
