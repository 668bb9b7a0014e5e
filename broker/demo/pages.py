"""Pages of the emulated upstreams: plain HTML, the same structure for all, each with its own colour."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from broker.demo.call import Call, Upstream
from broker.demo.faults import FAULTS

TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "ribbon": "EMULATOR",
        "not_real": "This is not {title}. Nothing you do here leaves this machine.",
        "sign_in": "Sign in to {title}",
        "who": "Who is signing in?",
        "cancel": "Cancel",
        "asked_by": "App {client} asks",
        "no_email": "no e-mail address",
        "faults": "Make something go wrong",
        "faults_hint": "A pressed fault stays until you press it again.",
        "on": "on",
        "posting": "Back to the app",
        "go_on": "Go on",
        "with": "Sign in with {title}",
        "as": "Continue as",
        "error": "The request cannot be granted",
        "error_hint": "The real service shows a page of its own here as well, and the app is told nothing.",
        "chat": "Chat with {bot}",
        "chat_empty": "Nothing was written here yet.",
        "chat_start": "Start",
        "other_language": "Русский",
    },
    "ru": {
        "ribbon": "ЭМУЛЯТОР",
        "not_real": "Это не {title}. Всё, что здесь происходит, остаётся на этом компьютере.",
        "sign_in": "Вход в {title}",
        "who": "Кто входит?",
        "cancel": "Отмена",
        "asked_by": "Запрос приложения {client}",
        "no_email": "без адреса почты",
        "faults": "Пусть что-нибудь сломается",
        "faults_hint": "Нажатая неисправность действует, пока её не нажмут снова.",
        "on": "включено",
        "posting": "Возвращаемся в приложение",
        "go_on": "Дальше",
        "with": "Войти через {title}",
        "as": "Продолжить как",
        "error": "Запрос не может быть выполнен",
        "error_hint": "Настоящий сервис тоже показывает здесь свою страницу, а приложение не узнаёт ничего.",
        "chat": "Чат с {bot}",
        "chat_empty": "Здесь ещё ничего не написано.",
        "chat_start": "Начать",
        "other_language": "English",
    },
}


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The demo's templates; every value is escaped."""
    return Environment(
        loader=PackageLoader("broker.demo"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def language_of(query: Mapping[str, str], accepted: str) -> str:
    """`ru` or `en`: what the parameter `lang` or `hl` names, else the first fit of Accept-Language, else `en`."""
    asked = [query.get("_lang", ""), query.get("lang", ""), query.get("hl", "")]
    listed = [part.partition(";")[0].strip() for part in accepted.split(",")]
    for text in (*asked, *listed):
        language = text[:2].lower()
        if language in TEXTS:
            return language
    return "en"


def target_with(call: Call, **extra: str) -> str:
    """The address of the page itself with further parameters."""
    query = [(n, v) for n, v in parse_qsl(call.target.partition("?")[2], keep_blank_values=True) if n not in extra]
    return f"{call.path}?{urlencode([*query, *extra.items()])}"


def chooser_page(emulator: Upstream, call: Call, template: str = "chooser.html") -> str:
    """The people who live here, a way out and the fault drawer; or another page that lets somebody be chosen."""
    kind = emulator.type
    people = [
        {"key": p.key, "name": p.name, "email": p.email_at(kind), "href": target_with(call, _person=p.key)}
        for p in emulator.people.values()
    ]
    return render(
        template,
        emulator,
        call,
        people=people,
        cancel_href=target_with(call, _cancel="1"),
        client=call.get("client_id") or call.get("bot_id") or call.path.rpartition("/")[2],
        scope=call.get("scope"),
    )


def error_page(emulator: Upstream, call: Call, problem: str) -> str:
    """The upstream's own error page."""
    return render("refusal.html", emulator, call, problem=problem)


def posting_page(emulator: Upstream, call: Call, action: str, params: Mapping[str, str]) -> str:
    """A form that sends itself to the app (OAuth 2.0 Form Post Response Mode)."""
    return render("posting.html", emulator, call, action=action, params=params)


def chat_page(emulator: Upstream, call: Call, **values: object) -> str:
    """The chat of a person with a bot: `person`, the name of the `bot`, its `messages`, and what Start sends, or ""."""
    return render("chat.html", emulator, call, action=call.path, **values)


def render(template: str, emulator: Upstream, call: Call, **values: object) -> str:
    """A page of this upstream, in the language of whoever asks."""
    language = language_of(call.query, call.headers.get("accept-language", ""))
    other = "en" if language == "ru" else "ru"
    texts = {name: text.replace("{title}", emulator.title) for name, text in TEXTS[language].items()}
    faults = [
        {"name": name, "text": FAULTS[name][0 if language == "en" else 1], "on": on}
        for name, on in emulator.faults.shown()
    ]
    return (
        environment()
        .get_template(template)
        .render(
            emulator=emulator,
            language=language,
            texts=texts,
            faults=faults,
            here=call.target if call.method == "GET" else call.path,
            other_href=target_with(call, _lang=other),
            other=other,
            **values,
        )
    )
