"""The only file that sets a cookie."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.core.jose.compact import b64url, decode_segment

SESSION = "__Host-session"
BROWSER = "__Host-browser"  # binds an unasked entry to the browser that opened it
VISITOR = "__Host-visitor"  # a sealed number, so that a browser is counted for itself
LAST_PROVIDER = "__Host-last"
PERSON = "__Host-person"  # who logged in last, sealed
LANGUAGE = "__Host-lang"
TAKEN = "__Host-taken"  # what a script of an upstream posted from a page of an app, sealed, on its way to a question
AGAIN = "__Host-again"  # the request of the newest attempt whose answer only a script can bring
_FLOW = "__Host-flow-"
MAX_FLOWS = 5  # attempts kept per browser; several tabs work, a jar never overflows
MAX_JAR = 6 * 1024  # characters of them together; beyond 8 KiB of cookies proxies refuse every request
MAX_TAKEN = 3500  # characters of what was taken; browsers keep no cookie of more than 4096
MAX_AGAIN = 1400  # characters of a link that is kept, in base64url
_YEAR = 365 * 86400


class Cookies:
    """Reads and sets our cookies: `__Host-`, Secure, HttpOnly, Path=/ and no Domain, all of them.

    The flow cookie is SameSite=None, because some upstreams answer by a POST from their own site; all others are Lax.
    """

    @staticmethod
    def read(request: Request, name: str) -> str:
        """The value, or ""."""
        return request.cookies.get(name, "")

    @staticmethod
    def read_flow(request: Request, tag: str) -> str:
        """The sealed record of one login attempt, or ""."""
        return request.cookies.get(_FLOW + tag, "")

    @staticmethod
    def start_session(response: Response, value: str, *, ttl: int) -> None:
        """`ttl` in seconds: the absolute limit; the server knows better when the session ends."""
        _set(response, SESSION, value, ttl=ttl)

    @staticmethod
    def sign_out(response: Response) -> None:
        """Nobody is logged in here any more, and nobody is offered."""
        _drop(response, SESSION, same_site="lax")
        Cookies.forget_person(response)

    @staticmethod
    def keep_flow(request: Request, response: Response, tag: str, sealed: str, *, ttl: int) -> None:
        """Keep an attempt, and let go of the oldest beyond MAX_FLOWS or MAX_JAR."""
        kept, size = 1, len(sealed)
        # Browsers send older cookies first (RFC 6265 section 5.4), so from the end on they are the newest.
        for name in reversed([name for name in request.cookies if name.startswith(_FLOW) and name != _FLOW + tag]):
            kept, size = kept + 1, size + len(request.cookies[name])
            if kept > MAX_FLOWS or size > MAX_JAR:
                _drop(response, name, same_site="none")
        _set(response, _FLOW + tag, sealed, ttl=ttl, same_site="none")

    @staticmethod
    def drop_flow(response: Response, tag: str) -> None:
        """Forget a finished attempt."""
        _drop(response, _FLOW + tag, same_site="none")

    @staticmethod
    def keep_again(response: Response, href: str, *, ttl: int) -> None:
        """A link of ours that begins anew; one that is too long for a cookie is not kept."""
        value = b64url(href.encode())
        if len(value) <= MAX_AGAIN:
            _set(response, AGAIN, value, ttl=ttl)

    @staticmethod
    def read_again(request: Request) -> str:
        """The link that `keep_again` kept, or ""; nobody else can set this cookie, but a browser may hold anything."""
        value = request.cookies.get(AGAIN, "")
        try:
            return decode_segment(value).decode("ascii")
        except ValueError:  # Malformed is one, too
            return ""

    @staticmethod
    def remember_provider(response: Response, name: str, *, ttl: int) -> None:
        """For the `last used` badge: the provider's name, nothing about the person."""
        _set(response, LAST_PROVIDER, name, ttl=ttl)

    @staticmethod
    def forget_provider(response: Response) -> None:
        """No way in is marked here any more."""
        _drop(response, LAST_PROVIDER, same_site="lax")

    @staticmethod
    def remember_person(response: Response, sealed: str, *, ttl: int) -> None:
        """Who logged in last, sealed, to be offered again."""
        _set(response, PERSON, sealed, ttl=ttl)

    @staticmethod
    def forget_person(response: Response) -> None:
        """Nobody is offered here any more."""
        _drop(response, PERSON, same_site="lax")

    @staticmethod
    def remember_language(response: Response, locale: str) -> None:
        """What the person chose on a page."""
        _set(response, LANGUAGE, locale, ttl=_YEAR)

    @staticmethod
    def remember_visitor(response: Response, sealed: str, *, ttl: int) -> None:
        """A sealed number, for counting."""
        _set(response, VISITOR, sealed, ttl=ttl)

    @staticmethod
    def keep_taken(response: Response, sealed: str, *, ttl: int) -> bool:
        """Keep whom a script spoke of until the question; False where it is too long for a cookie."""
        if len(sealed) > MAX_TAKEN:
            return False
        _set(response, TAKEN, sealed, ttl=ttl)
        return True

    @staticmethod
    def drop_taken(response: Response) -> None:
        """It was asked about."""
        _drop(response, TAKEN, same_site="lax")

    @staticmethod
    def bind_browser(response: Response, value: str, *, ttl: int) -> None:
        """A random value that only this browser has."""
        _set(response, BROWSER, value, ttl=ttl)


def _set(response: Response, name: str, value: str, *, ttl: int, same_site: str = "lax") -> None:
    header = f"{name}={value}; Max-Age={ttl}; Path=/; Secure; HttpOnly; SameSite={same_site.capitalize()}"
    response.headers.append("set-cookie", header)


def _drop(response: Response, name: str, *, same_site: str) -> None:
    _set(response, name, "", ttl=0, same_site=same_site)
