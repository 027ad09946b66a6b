"""The quote board: top of book, age and health of every symbol on every venue."""
