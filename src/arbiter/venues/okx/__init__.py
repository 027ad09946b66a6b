"""OKX: spot and linear perpetual swaps."""
