"""Prompts by name and version; a change is a new version."""
