"""Who may call, and as what."""
