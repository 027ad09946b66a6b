"""The database goes away, and comes back."""
