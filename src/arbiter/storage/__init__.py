"""PostgreSQL: the journal, its projections, migrations and the embedded server."""
