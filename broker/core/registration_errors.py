"""Why a client could not be registered (RFC 7591 section 3.2.2)."""

from __future__ import annotations

from broker.core.errors import RequestError


class InvalidClientMetadata(RequestError):
    """A member is of the wrong kind, or does not fit the others."""

    code = "invalid_client_metadata"


class InvalidRedirectUri(RequestError):
    """A redirect URI that may not be registered."""

    code = "invalid_redirect_uri"


class UnapprovedSoftwareStatement(RequestError):
    """A software statement: nobody's is believed here."""

    code = "unapproved_software_statement"


class RegistrationFull(RequestError):
    """As many clients have registered themselves as the operator allows."""

    code = "access_denied"
    status = 403
