"""One part by itself."""
