"""Redis or Valkey as the transient store of many nodes.

Calls are pipelined, the server is looked at all the time, and it belongs to one database.
"""
