"""SQLite, the embedded default: one file, one writer thread with group commit, one process.

The engine runs the statements of `broker.store.sql`; the file is opened, copied and checked here.
"""
