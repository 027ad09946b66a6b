"""What the venues share: streams, books, addresses."""
