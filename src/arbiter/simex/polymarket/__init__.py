"""Polymarket: gamma, CLOB and data API on one port, the market and user streams."""
