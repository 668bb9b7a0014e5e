"""Logging out: RP-initiated logout, telling apps by back channel and front channel, and upstreams' own logouts.

A delivery is queued in the transaction that ends the session, so none is lost.
"""
