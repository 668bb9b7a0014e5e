"""OpenAPI 3.1 description of what apps call: one table of operations, and the document that is made of it.

What browsers are sent through (`/authorize`, `/logout`, pages) is no API and not here.
"""
