"""The funding and operations HTTP surface."""
