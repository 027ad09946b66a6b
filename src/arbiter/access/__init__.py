"""Users, roles, passwords, API keys, tokens and the log-in throttle."""
