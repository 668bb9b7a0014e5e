"""Fixtures for projects that sign in through the broker. Loaded by every pytest run, so it imports nothing heavy."""
