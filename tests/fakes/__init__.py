"""Small stand-ins for the outside world."""
