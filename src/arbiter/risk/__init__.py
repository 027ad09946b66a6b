"""The risk gate: what may be opened, how large, and why not. Pure and synchronous."""
