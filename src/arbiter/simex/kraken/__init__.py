"""The simulated Kraken: spot."""
