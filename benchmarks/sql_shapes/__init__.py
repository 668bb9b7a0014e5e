"""How statements may be written once for SQLite and PostgreSQL: the shapes that ADR 39 compares."""
