"""The spot API over real sockets and a real engine."""
