"""django-allauth as a client of the emulated services themselves: its own adapters, at other addresses.

Standard input: one line of JSON, by allauth's names of providers: client_id, secret, key and the addresses authorize,
token and profile. Standard output: the uid of whoever signed in, likewise. The person is Ada everywhere.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import django
import requests
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.test import Client

ADAPTERS = {
    "google": "GoogleOAuth2Adapter",
    "vk": "VKOAuth2Adapter",
    "odnoklassniki": "OdnoklassnikiOAuth2Adapter",
    "yandex": "YandexOAuth2Adapter",
    "github": "GitHubOAuth2Adapter",
}
PROVIDERS = "allauth.socialaccount.providers"


def _configure(given: dict[str, dict[str, str]]) -> None:
    contributed = ("auth", "contenttypes", "sessions", "messages")
    settings.configure(
        SECRET_KEY=os.urandom(32).hex(),
        ALLOWED_HOSTS=["testserver"],
        ROOT_URLCONF="tests.interop.django_urls",
        INSTALLED_APPS=[
            *(f"django.contrib.{app}" for app in contributed),
            *("allauth", "allauth.account", "allauth.socialaccount"),
            *(f"{PROVIDERS}.{name}" for name in given),
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "allauth.account.middleware.AccountMiddleware",
        ],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
        SOCIALACCOUNT_LOGIN_ON_GET=True,
        SOCIALACCOUNT_AUTO_SIGNUP=True,
        SOCIALACCOUNT_PROVIDERS={
            name: {"APP": {"client_id": app["client_id"], "secret": app["secret"], "key": app["key"]}}
            for name, app in given.items()
        },
        ACCOUNT_EMAIL_VERIFICATION="none",
    )
    django.setup()
    call_command("migrate", verbosity=0)


def _signed_in(name: str, app: dict[str, str]) -> str:
    adapter: Any = getattr(import_module(f"{PROVIDERS}.{name}.views"), ADAPTERS[name])
    adapter.authorize_url, adapter.access_token_url = app["authorize"], app["token"]
    adapter.profile_url = adapter.identity_url = app["profile"]
    adapter.emails_url = f"{app['profile']}/emails"  # GitHub's
    browser = Client()
    away = browser.get(f"/accounts/{name}/login/")
    back = requests.get(f"{away['Location']}&_person=ada", allow_redirects=False, timeout=20)
    target = urlsplit(back.headers["Location"])
    browser.get(f"{target.path}?{target.query}")
    return str(apps.get_model("socialaccount", "SocialAccount").objects.get(provider=name).uid)


if __name__ == "__main__":
    known = json.loads(sys.stdin.readline())
    _configure(known)
    sys.stdout.write(json.dumps({name: _signed_in(name, app) for name, app in known.items()}) + "\n")
