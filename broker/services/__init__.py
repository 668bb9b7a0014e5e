"""Use cases: what the broker does, and in which order. No framework, no concrete backend.

Clock, randomness and whom to tell are in `context`; the stores come in as protocols.
"""
