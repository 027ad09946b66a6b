"""The engine in a private Telegram chat: a client of the control API and of nothing else."""
