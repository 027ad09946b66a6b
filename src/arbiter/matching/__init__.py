"""The simulated exchange: order matching, fees, locks and rejections."""
