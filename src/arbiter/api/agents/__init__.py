"""The agents surface: sessions, orders, decisions, configuration and a stream."""
