"""Agents: analysts that vote on a symbol, and the risk officer who may veto. Pure rules."""
