"""Hyperliquid: perpetuals on a chain, asked at one path and acted upon at another."""
