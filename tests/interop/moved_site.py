"""The database of a Django site that is left, by django-allauth's or drf-social-oauth2's own migrations and models.

Standard input: one line of JSON, {library, users, database, people, dump}: each of `people` has columns of the model
`users`, and `ways`, a list of (provider, uid, extra_data). `dump` are the models that go to standard
output, as `manage.py dumpdata` writes them; without any, by user name the primary key, as the site shows it.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Final

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command

APPS: Final = {
    "allauth": ("allauth", "allauth.account", "allauth.socialaccount"),
    "drf": ("oauth2_provider", "social_django", "drf_social_oauth2"),
}
MODELS: Final = {"allauth": "socialaccount.SocialAccount", "drf": "social_django.UserSocialAuth"}


def _configure(library: str, users: str, database: str) -> None:
    settings.configure(
        SECRET_KEY=os.urandom(32).hex(),
        INSTALLED_APPS=[
            *(f"django.contrib.{name}" for name in ("auth", "contenttypes", "sessions", "messages")),
            "tests.interop.moved",
            *APPS[library],
        ],
        AUTH_USER_MODEL=users,
        MIDDLEWARE=["allauth.account.middleware.AccountMiddleware"],  # allauth does not start without
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0)


def _fill(library: str, people: list[dict[str, Any]]) -> dict[str, str]:
    users: Any = apps.get_model(settings.AUTH_USER_MODEL)
    social: Any = apps.get_model(MODELS[library])
    found = {}
    for told in people:
        ways = told.pop("ways")
        user = users(**told)
        user.set_unusable_password()
        user.save()
        found[user.username] = str(user.pk)
        for provider, uid, extra in ways:
            social.objects.create(user=user, provider=provider, uid=uid, extra_data=extra)
    return found


if __name__ == "__main__":
    told = json.loads(sys.stdin.readline())
    _configure(told["library"], told["users"], told["database"])
    known = _fill(told["library"], told["people"])
    if told["dump"]:
        call_command("dumpdata", *told["dump"])
    else:
        sys.stdout.write(json.dumps(known) + "\n")
