"""Where a price difference is worth acting on: kernels' candidates turned into signals."""
