"""What happened: the journal's events folded into orders, fills, positions, balances and PnL."""
