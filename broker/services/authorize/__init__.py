"""The authorization endpoint's decisions: read a request (plain, PAR, JAR), then log in, ask for consent, or answer.

Everything comes back to one dispatcher, `decide`; nothing here speaks HTTP.
"""
