"""Tests of metrics and logging."""
