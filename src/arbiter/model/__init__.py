"""Frozen records, ids, money, events, commands, denials and the error tree. Imports nothing above."""
