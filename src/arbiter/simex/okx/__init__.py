"""OKX v5: spot and linear swaps of one account."""
