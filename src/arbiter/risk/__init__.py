"""The gate every plan passes, the budgets it reserves and the kill switch above it."""
