"""The desk: orders, fills, positions, budgets and audit of every strategy, for people."""
