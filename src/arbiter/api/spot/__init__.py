"""The spot surface: REST and WebSocket of the spot family, as published in its contract."""
