"""HTTP: parameters in, answers out. Decisions are made below, in `broker.services` and `broker.core`.

Every route is in `routes`, every failure's answer in `errors`; `dispatch` walks both.
"""
