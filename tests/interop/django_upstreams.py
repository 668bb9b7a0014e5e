"""django-allauth and python-social-auth as clients of the emulated services themselves.

Standard input: one line of JSON, {hosts: {host: port}, apps: {type: {id, secret, extras}}, database}, the last where
its database is to stay. Standard output: by "library name" whom that adapter or backend of theirs made of Ada. Every
address is theirs, and only the hosts lead here.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, Final

import django
import requests
from django.apps import apps as django_apps
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from requests.adapters import HTTPAdapter

from broker.demo.markup import parse_markup
from tests.interop.upstream_hosts import turned

ALLAUTH: Final[Mapping[str, str]] = {
    "google": "google",
    "vk": "vk",
    "odnoklassniki": "ok",
    "yandex": "yandex",
    "facebook": "facebook",
    "github": "github",
    "twitter": "x",
    "twitter_oauth2": "x",
    "apple": "apple",
    "microsoft": "microsoft",
    "discord": "discord",
    "gitlab": "gitlab",
    "spotify": "spotify",
    "slack": "slack",
    "twitch": "twitch",
}
"""allauth's name of a provider -> our type."""

SOCIAL: Final[Mapping[str, tuple[str, str]]] = {
    "google-oauth2": ("google.GoogleOAuth2", "google"),
    "google-openidconnect": ("google_openidconnect.GoogleOpenIdConnect", "google"),
    "vk-id": ("vk.VKIDOAuth2", "vk"),
    "odnoklassniki-oauth2": ("odnoklassniki.OdnoklassnikiOAuth2", "ok"),
    "yandex-oauth2": ("yandex.YandexOAuth2", "yandex"),
    "facebook": ("facebook.FacebookOAuth2", "facebook"),
    "github": ("github.GithubOAuth2", "github"),
    "linkedin-openidconnect": ("linkedin.LinkedinOpenIdConnect", "linkedin"),
    "twitter": ("twitter.TwitterOAuth", "x"),
    "twitter-oauth2": ("twitter_oauth2.TwitterOAuth2", "x"),
    "apple-id": ("apple.AppleIdAuth", "apple"),
    "microsoft-graph": ("microsoft.MicrosoftOAuth2", "microsoft"),
    "mailru": ("mailru.MRGOAuth2", "mailru"),
    "discord": ("discord.DiscordOAuth2", "discord"),
    "gitlab": ("gitlab.GitLabOAuth2", "gitlab"),
    "spotify": ("spotify.SpotifyOAuth2", "spotify"),
    "twitch": ("twitch.TwitchOpenIdConnect", "twitch"),
}
"""python-social-auth's name of a backend -> where it is, and our type."""

CALLBACKS: Final = (
    *((kind, f"http://testserver/accounts/{name}/login/callback/") for name, kind in ALLAUTH.items()),
    *((kind, f"http://testserver/complete/{name}/") for name, (_, kind) in SOCIAL.items()),
)
"""What is registered with the services: (type, redirect URI)."""

_PROVIDERS = "allauth.socialaccount.providers"
_FACEBOOK = "25.0"  # a version that is in force; both libraries come with another


def _configure(known: dict[str, dict[str, Any]], database: str) -> None:
    contributed = ("auth", "contenttypes", "sessions", "messages")
    settings.configure(
        SECRET_KEY=os.urandom(32).hex(),
        ALLOWED_HOSTS=["testserver"],
        ROOT_URLCONF="tests.interop.django_urls",
        INSTALLED_APPS=[
            *(f"django.contrib.{app}" for app in contributed),
            *("allauth", "allauth.account", "allauth.socialaccount", "social_django"),
            *(f"{_PROVIDERS}.{name}" for name in ALLAUTH),
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "allauth.account.middleware.AccountMiddleware",
        ],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        AUTHENTICATION_BACKENDS=[
            "allauth.account.auth_backends.AuthenticationBackend",
            *(f"social_core.backends.{path}" for path, _ in SOCIAL.values()),
        ],
        SOCIALACCOUNT_LOGIN_ON_GET=True,
        SOCIALACCOUNT_AUTO_SIGNUP=True,
        SOCIALACCOUNT_PROVIDERS={name: _of_allauth(name, known[kind]) for name, kind in ALLAUTH.items()},
        ACCOUNT_EMAIL_VERIFICATION="none",
        ACCOUNT_UNIQUE_EMAIL=False,  # Ada has one address at several of them
        **{name: value for one, (_, kind) in SOCIAL.items() for name, value in _of_social(one, known[kind]).items()},
    )
    django.setup()
    call_command("migrate", verbosity=0)


def _of_allauth(name: str, app: dict[str, Any]) -> dict[str, Any]:
    extras = app["extras"]
    key = extras.get("public_key") or extras.get("team_id", "")
    apple = {"certificate_key": extras["private_key"]} if "private_key" in extras else {}
    secret = extras.get("key_id") or app["secret"]
    given = {"client_id": app["id"], "secret": secret, "key": key, "settings": apple}
    if name == "google":  # without `openid` it asks an endpoint with names that OpenID Connect does not know
        return {"APP": given, "SCOPE": ["openid", "profile", "email"]}
    return {"APP": given, "VERSION": f"v{_FACEBOOK}"}


def _of_social(name: str, app: dict[str, Any]) -> dict[str, Any]:
    extras, prefix = app["extras"], f"SOCIAL_AUTH_{name.upper().replace('-', '_')}_"
    given = {"KEY": app["id"], "SECRET": app["secret"], "PUBLIC_NAME": extras.get("public_key")}
    if name == "facebook":
        given |= {"API_VERSION": _FACEBOOK, "SCOPE": ["email"]}
    if (
        name == "google-openidconnect"
    ):  # its own is the spelling without a scheme, which Google's documentation has, too
        given |= {"ID_TOKEN_ISSUER": "https://accounts.google.com"}
    if name == "apple-id":
        given |= {"CLIENT": app["id"], "TEAM": extras["team_id"], "KEY": extras["key_id"]}
        given |= {"SECRET": extras["private_key"], "SCOPE": ["name", "email"]}
    return {prefix + key: value for key, value in given.items()}


def _login(start: str, ports: Mapping[str, int]) -> None:
    """There, as Ada, and back."""
    browser = Client()
    away = browser.post(start) if start.startswith("/login/") else browser.get(start)
    assert away.status_code == 302, (start, away.status_code, away.content)
    back = requests.get(f"{turned(away['Location'], ports)}&_person=ada", allow_redirects=False, timeout=20)
    if back.status_code == 200 and 'id="answer"' in back.text:
        form = parse_markup(back.url, back.text).forms[0]
        done = browser.post(form.action.removeprefix("http://testserver"), form.fields)
        if done.status_code == 302 and "callback/finish" in done["Location"]:  # allauth's, once the cookie is there
            browser.get(done["Location"])
        return
    assert back.status_code == 302, (start, back.status_code, back.text)
    browser.get(back.headers["Location"].removeprefix("http://testserver").partition("#")[0])


def _turn(ports: Mapping[str, int]) -> None:
    """Every call of `requests` in this process goes to the emulated services."""

    class Here(HTTPAdapter):
        """As `requests` sends, to where the host is emulated."""

        def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
            if not (request.url or "").startswith("http://127.0.0.1:"):
                request.url = turned(request.url or "", ports)
            return super().send(request, *args, **more)

    requests.sessions.HTTPAdapter = Here  # type: ignore[attr-defined]  # what every new session mounts


def _signed_in(ports: Mapping[str, int]) -> dict[str, str]:
    found = {}
    for name in ALLAUTH:
        _login(f"/accounts/{name}/login/", ports)
        account: Any = django_apps.get_model("socialaccount", "SocialAccount")
        found[f"allauth {name}"] = "".join(account.objects.filter(provider=name).values_list("uid", flat=True))
    for name in SOCIAL:
        _login(f"/login/{name}/", ports)
        social: Any = django_apps.get_model("social_django", "UserSocialAuth")
        found[f"social {name}"] = "".join(social.objects.filter(provider=name).values_list("uid", flat=True))
    return found


if __name__ == "__main__":
    told = json.loads(sys.stdin.readline())
    _configure(told["apps"], told.get("database", ":memory:"))
    _turn(told["hosts"])
    sys.stdout.write(json.dumps(_signed_in(told["hosts"])) + "\n")
