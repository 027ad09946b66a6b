"""The published contracts, spoken to over their own wire."""
