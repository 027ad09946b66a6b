"""Every exchange without a feed of its own here, through ccxt.pro."""
