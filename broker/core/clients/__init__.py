"""A client (relying party): what it is and may do, how it proves itself, what it may register.

The rules here hold for an entry of config.yaml and for dynamic client registration (RFC 7591) alike.
"""
