"""Moved to broker.testing.raw_server."""

from broker.testing.raw_server import Answer, RawServer, Received, Script, answer_of, json_of, raw_server

__all__ = ["Answer", "RawServer", "Received", "Script", "answer_of", "json_of", "raw_server"]
