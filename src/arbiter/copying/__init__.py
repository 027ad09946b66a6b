"""Copy trading: from what a leader did to what we want to hold, and the order that leads there."""
