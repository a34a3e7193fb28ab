"""docs/queries.md: its collection drawn, its blocks run, its outputs renewed."""
