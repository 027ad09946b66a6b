"""The seeded market simulator: correlated mids, venue spreads, noise and dislocations."""
