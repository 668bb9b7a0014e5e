"""A login, as far as it is told in words: what a bot says of one, and what is kept of that."""
