"""The addresses of the site: of allauth, mozilla-django-oidc, python-social-auth, and one that tells who came."""

from __future__ import annotations

from django.apps import apps
from django.http import HttpRequest, JsonResponse
from django.urls import include, path


def whoami(request: HttpRequest) -> JsonResponse:
    """The user, and what allauth keeps of the claims."""
    if not request.user.is_authenticated:
        return JsonResponse({}, status=401)
    accounts = list(request.user.socialaccount_set.values("uid", "extra_data"))
    return JsonResponse({"username": request.user.username, "email": request.user.email, "accounts": accounts})


urlpatterns = [path("accounts/", include("allauth.urls")), path("oidc/", include("mozilla_django_oidc.urls"))]
urlpatterns.append(path("whoami", whoami))
if apps.is_installed("social_django"):
    urlpatterns.append(path("", include("social_django.urls")))
