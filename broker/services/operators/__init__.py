"""Operators: people looked after, by the use cases of `broker.core.operators`.

Whoever comes here may do everything: each skin lets in only those whom it knows, and says who they are.
"""
