"""HTTP: parameters in, answers out. Every decision is made below, in `broker.services` and `broker.core`."""
