"""The simulated Coinbase Advanced Trade: spot."""
