"""Where state lives. Everything above this floor knows the protocols of `base` only."""
