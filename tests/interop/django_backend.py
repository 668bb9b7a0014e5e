"""The backend that our documentation shows for mozilla-django-oidc."""

from tests.interop.documented import documented

exec(documented("### Django with mozilla-django-oidc", own={}))
