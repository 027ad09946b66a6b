"""Research on recorded quotes: the live core under a virtual clock, scanned or replayed."""
