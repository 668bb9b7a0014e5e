"""One sample of every page, for checking an operator's templates and for tests. Nothing in them is anybody's.

`text` replaces every text and address that comes from outside, so that a test can fill a page with what it likes.
"""

from __future__ import annotations

from collections.abc import Iterator

from broker.web.pages.samples.account import every_account
from broker.web.pages.samples.answers import every_answer, make_error
from broker.web.pages.samples.login import every_before_login, every_joining
from broker.web.pages.samples.questions import every_device, every_question
from broker.web.pages.views import View


def sample_views(error_pages: tuple[str, ...], text: str = "") -> Iterator[tuple[str, View]]:
    """Each page under a name; wherever a view holds text, `text` is put when given. Addresses of forms stay whole."""
    yield from every_before_login(text)
    yield from every_question(text)
    yield from every_joining(text)
    yield from every_device(text)
    yield from every_answer(text)
    yield from every_account(text)
    for page in error_pages:
        yield page, make_error(page, text)
