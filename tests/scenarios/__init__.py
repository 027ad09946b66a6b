"""The engine as a whole: trading, crashing, recovering."""
