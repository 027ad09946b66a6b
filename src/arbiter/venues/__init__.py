"""Adapters, one package for each venue: feed, order client and parsing."""
