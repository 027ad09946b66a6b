"""The running engine: command bus, queries and the supervisor of its tasks."""
