"""Copy trading: targets, keys and orders."""
