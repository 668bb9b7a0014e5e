"""What the legacy Telegram widget does on a page, for a visitor that runs no scripts of others."""

from __future__ import annotations

import json
from urllib.parse import quote, urlsplit

from broker.demo.people import Person
from broker.demo.upstreams.telegram_signed import with_fields
from broker.demo.visitor import Page, Visitor


async def use_telegram_widget(visitor: Visitor, person: Person) -> Page:
    """`person` answers in the widget's frame on the visitor's page; the page goes where `data-auth-url` says.

    Raises LookupError where no widget is on the page or the frame hands out nothing.
    """
    page = visitor.page
    tag = next((s for s in page.markup.scripts if "data-telegram-login" in s), None)
    if tag is None:
        raise LookupError(f"no widget at {page.url}")
    script, here = urlsplit(tag["src"]), urlsplit(page.url)
    origin = f"{here.scheme}://{here.netloc}"
    frame = (
        f"{script.scheme}://{script.netloc}/embed/{quote(tag['data-telegram-login'])}"
        f"?origin={quote(origin, safe='')}&return_to={quote(page.url, safe='')}&_person={person.key}"
    )
    async with Visitor() as inner:
        told = await inner.get(frame)
    _, found, message = told.text.partition("parent.postMessage(")
    if not found:
        raise LookupError(f"the widget's frame said nothing: {told.text[:200]}")
    text, _ = json.JSONDecoder().raw_decode(message)
    fields = {name: str(value) for name, value in json.loads(text)["auth_data"].items()}
    return await visitor.get(with_fields(tag["data-auth-url"], fields), initiator=page.url)
