"""What the emulators insist on, and how we know that the services do: a table for whoever relies on one of these."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Evidence(StrEnum):
    """What a rule rests on, as of 2026-11."""

    DOCUMENTED = "documented"  # the service's own documentation or SDK says so
    MEASURED = "measured"  # seen at the live service, by us or by a project that wrote it down
    GUESSED = "guessed"  # nobody says so; the emulator has to do something


_D, _M, _G = Evidence.DOCUMENTED, Evidence.MEASURED, Evidence.GUESSED

RULES: Final[Mapping[str, tuple[tuple[Evidence, str], ...]]] = {
    "google": (
        (_D, "`redirect_uri` is one of the registered ones, letter by letter; otherwise Google's own error page"),
        (_D, "a code is good once, for its client and redirect URI, and with the verifier of its challenge"),
        (_D, "`iss` in the callback; two spellings of `iss` in ID tokens"),
        (_D, "`hd` only for accounts of an organization"),
        (_M, "short scope names come back as URLs"),
        (_G, "the exact words of errors at the token endpoint"),
    ),
    "vk": (
        (_D, "PKCE is required; `device_id` and `state` go with the exchange and come back"),
        (_D, "`redirect_uri` is one of the registered ones; otherwise VK's own page"),
        (_D, "errors have status 200 and a member `error`; a refresh token shown twice ends the session"),
        (_M, "a `state` of 16 characters is taken, although the documentation asks for 32"),
        (_M, "the exchange may have all but the code in the query, as VK's SDK does"),
        (_D, "a phone number is digits with country code, without a plus"),
        (_G, "an access token is bound to an address only under the fault `ip_bound`"),
    ),
    "ok": (
        (_D, "every API call is signed; the key of a session is MD5 of its token and the application's secret"),
        (_G, "the same key signs calls with tokens of the client flow"),
        (_G, "a token goes only with the `application_key` of its own application (fault `any_app_key`: with any)"),
        (_D, "a code is good once and for two minutes; API errors have status 200"),
        (_M, "an empty `scope` is taken; a scope that support has not granted is refused"),
        (_M, "a refusal comes in the fragment, in the server flow as well"),
        (_G, "which of several errors is told first"),
    ),
    "yandex": (
        (_D, "a code is good once, for ten minutes, and with its verifier where there was a challenge"),
        (_D, "the profile is given to `OAuth` and `Bearer` headers, and for `oauth_token` in the query"),
        (_D, "`client_id` in the profile says whose token it is"),
        (_D, "with an Authorization header, credentials in the body are ignored"),
        (_G, "the same access token again at a refresh, in its first half year"),
    ),
    "telegram": (
        (_M, "the nonce is not in the ID token of the code flow (fault `echoed_nonce`: it is)"),
        (_D, "`id` is the person, `sub` another number; the phone number has no plus; no userinfo"),
        (_D, "signed fields: HMAC over all of them, sorted; what a person does not have is missing"),
        (_D, "`/setdomain` decides where the widget may be and where it may return to"),
        (_D, "`client_id` and secret go in the header or in the form"),
        (_G, "both at once are refused"),
        (_G, "how booleans would be spelt among signed fields"),
    ),
    "oidc": (
        (_D, "OpenID Connect Core 1.0 and Discovery 1.0, RFC 7636, RFC 9207: thin ID tokens, claims at userinfo"),
        (_D, "RP-Initiated and Back-Channel Logout 1.0"),
        (_G, "`email_verified` is true for Ada alone"),
    ),
}
"""By the type of the emulator; docs/reference/emulators.md shows the same."""
