"""The gate's checks, by what they look at.

A check takes a proposal and the view and gives a refusal or None. It changes nothing, calls no
other check and does not care which ran before it; their order stands in `risk/gate.py`.
"""
