"""The addresses of the site: those of allauth, those of mozilla-django-oidc, and one that tells who came."""

from __future__ import annotations

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
