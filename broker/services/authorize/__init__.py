"""The authorization endpoint's decisions: read a request (plain, PAR, JAR), then log in, ask for consent, or answer.

Everything comes back to one dispatcher, `decide`, and ends in `codes`; nothing here speaks HTTP.
"""
