"""Rate limits: who a visitor is (client address, known browser), and how often they may.

`intake` is the way in that every endpoint shares.
"""
