"""Trades under way: synchronous state machines that turn what the ledger knows into effects."""
