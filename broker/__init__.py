"""One OpenID Connect issuer in front of the sign-in services a company's users already have."""

__version__ = "0.1.0"
