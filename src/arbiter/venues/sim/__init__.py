"""Simulated venues: a process of their own with their own books, and the client for it.

The process keeps accepting and filling orders while the engine is dead, which is what gives a
restarted engine something true to recover from.
"""
