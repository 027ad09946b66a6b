"""Kalshi: event contracts in dollars, one order book of YES per market."""
