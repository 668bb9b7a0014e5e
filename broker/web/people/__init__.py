"""Accounts over HTTP: the person's own pages, and what apps are told of ways in.

What is decided there is in `broker.services.people` and, where it interrupts a login, in `broker.services.login`.
"""
