"""What the engine asks of the outside world, one small protocol each."""
