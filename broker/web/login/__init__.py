"""Leaving for an upstream provider, its callback, and signed links nobody asked for."""
