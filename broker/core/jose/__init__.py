"""JOSE: compact tokens, public keys (JWK), our own key pairs, and signatures with an algorithm the key decides.

Which key signs now, and when keys are rotated, is told by `broker.services.keys`.
"""
