"""The control surfaces; they share `common` and never import each other."""
