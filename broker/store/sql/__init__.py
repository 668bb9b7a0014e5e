"""The SQL of every repository, once: operations as generators that yield statements, run by a driver (SQLite today).

Stays within what SQLite and PostgreSQL both speak.
"""
