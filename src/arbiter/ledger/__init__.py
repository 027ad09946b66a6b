"""The ledger: every projection as a fold over the journal's events. Pure; time comes with the event."""
