"""One file per change; a published one is never edited."""
