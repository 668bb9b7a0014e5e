"""The pure floor: values and rules. No clock, randomness, network, disk or framework; they come in as arguments.

A capability has the word it has on the floors above. `wire`, `jose`, `records`, `seal`, `terms` and `errors` are the
ground they stand on.
"""
