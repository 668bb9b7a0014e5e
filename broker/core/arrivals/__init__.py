"""People who come from another system, with their ways in and what they are called there.

What other systems keep is read here from rows and documents; files and databases are opened elsewhere.
"""
