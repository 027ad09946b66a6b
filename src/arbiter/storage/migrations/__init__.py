"""Schema changes, in order; applied by `storage.migrate`, each in a transaction of its own."""
