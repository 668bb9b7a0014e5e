"""A site of Django's, configured as our documentation shows: people sign in with allauth or mozilla-django-oidc.

Standard input: one line of JSON, {issuer, client_id, database, do}: the last two where its database is, and what
is done to it first; its end ends the site. OIDC_SECRET is the secret. Standard output: the port it listens on. Under
/whoami it tells what it knows about whoever is signed in.
"""

from __future__ import annotations

import json
import os
import sys
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

from tests.interop.documented import documented

APPS = ("auth", "contenttypes", "sessions", "messages")
ALLAUTH = ("allauth", "allauth.account", "allauth.socialaccount", "allauth.socialaccount.providers.openid_connect")
CONTEXT = "django.template.context_processors.request"


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


def _documented(issuer: str, client_id: str) -> dict[str, Any]:
    own = {"https://id.example.com": issuer, "shop-web": client_id}
    found: dict[str, Any] = {"os": os}
    exec(documented("### Django with allauth", own=own), found)
    backend = {"shop.auth.Backend": "tests.interop.django_backend.Backend"}
    exec(documented("### Django with mozilla-django-oidc", number=1, own=own | backend), found)
    return {name: value for name, value in found.items() if name.isupper()}


def _configure(copied: dict[str, Any], database: str) -> None:
    copied["AUTHENTICATION_BACKENDS"].append("allauth.account.auth_backends.AuthenticationBackend")
    middlewares = ("sessions.middleware.SessionMiddleware", "auth.middleware.AuthenticationMiddleware")
    settings.configure(
        SECRET_KEY=os.urandom(32).hex(),
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="tests.interop.django_urls",
        INSTALLED_APPS=[*(f"django.contrib.{app}" for app in APPS), *ALLAUTH, "mozilla_django_oidc"],
        MIDDLEWARE=[
            *(f"django.contrib.{middleware}" for middleware in middlewares),
            "django.contrib.messages.middleware.MessageMiddleware",
            "allauth.account.middleware.AccountMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {"context_processors": [CONTEXT]},
            }
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
        LOGIN_REDIRECT_URL="/whoami",
        LOGIN_REDIRECT_URL_FAILURE="/whoami",
        USE_TZ=True,
        **copied,
    )


def main() -> None:
    """Serve until standard input ends; one thread, as the database is in its memory."""
    told = json.loads(sys.stdin.readline())
    _configure(_documented(told["issuer"], told["client_id"]), told.get("database", ":memory:"))
    django.setup()
    call_command("migrate", verbosity=0)
    exec(told.get("do", ""), {})
    with make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=_Quiet) as server:
        sys.stdout.write(f"{server.server_port}\n")
        sys.stdout.flush()
        Thread(target=_until_the_end, args=(server,), daemon=True).start()
        server.serve_forever(poll_interval=0.02)


def _until_the_end(server: WSGIServer) -> None:
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
