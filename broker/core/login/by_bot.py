"""Sign-in by a bot (ADR 58): what is kept of an attempt, what a chat tells about it, and what the bot says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from broker.core.records import Record

CHOICES: Final = 12  # numbers to press: a press at random is right once in as many
NO: Final = "no"
_NUMBERS: Final = range(10, 100)
_FAIR: Final = 256 - 256 % len(_NUMBERS)


class BotAttempt(Record, frozen=True, tag="bot-attempt"):
    """A browser waits for somebody in a chat. `expires_at` in epoch seconds.

    `number` is on its screen, `choices` are those to press, in order. `app` is what is signed in to, per language, and
    `host` where the browser is sent afterwards, or ""; `place` and `agent` are the browser's, coarsely, or "".
    """

    provider_key: str
    app: Mapping[str, str]
    host: str
    number: str
    choices: tuple[str, ...]
    place: str
    agent: str
    expires_at: int


class BotAnswer(Record, frozen=True, tag="bot-answer"):
    """What came of it: who pressed the right number, as the messenger told it, or in our words why nobody is let in."""

    person: Mapping[str, str] = {}
    refused: str = ""


@dataclass(frozen=True, slots=True)
class InChat:
    """What a person did in their own chat with the bot, as the messenger told it, about the attempt of `token`.

    `update` is the messenger's number of this news. `person` is who, with an `id` that is the chat's, too. `pressed`:
    "" where they opened the bot, else a number or `NO`; then `message` is the question's id, and `press` that of the
    press itself.
    """

    update: str
    person: Mapping[str, str]
    token: str = field(repr=False)
    pressed: str = ""
    message: str = ""
    press: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """A button below a question, and what it says when it is pressed: a number, or `NO`."""

    label: str
    value: str


def build_numbers(randomness: Callable[[int], bytes]) -> tuple[str, tuple[str, ...]]:
    """A number of two digits, and `CHOICES` of them in order with it among them; each is equally likely to be it."""
    found = list(dict.fromkeys(_draw(randomness, CHOICES)))
    while len(found) < CHOICES:
        found = list(dict.fromkeys([*found, *_draw(randomness, 1)]))
    return found[0], tuple(sorted(found))


def _draw(randomness: Callable[[int], bytes], count: int) -> Iterator[str]:
    for byte in randomness(count):
        if byte < _FAIR:
            yield str(_NUMBERS[byte % len(_NUMBERS)])


# --- what the bot says: English, and every language that has a text of its own ---

ASK: Final = {
    "en": "Sign in to {app}?{details}\n\nPress the number that your own screen shows. If you did not begin this, or"
    " somebody sent you the link or told you a number, press “It was not me”: they would be in as you.",
    "ru": "Войти в {app}?{details}\n\nНажмите число, которое показывает ваш собственный экран. Если вы этого не"
    " начинали, либо ссылку или число вам прислал кто-то другой, нажмите «Это не я»: иначе он войдёт вместо вас.",
}
GOES_TO: Final = {"en": "\nOn to: {host}", "ru": "\nАдрес: {host}"}
FROM: Final = {"en": "\nAsked from: {whence}", "ru": "\nЗапрос из: {whence}"}
NOT_ME: Final = {"en": "It was not me", "ru": "Это не я"}
DONE: Final = {
    "en": "Done. Go back to the screen where you are signing in to {app}.",
    "ru": "Готово. Вернитесь к экрану, где вы входите в {app}.",
}
WRONG: Final = {
    "en": "That is not the number on the screen. Nobody was signed in to {app}. For an hour the bot signs nobody in as"
    " you; other ways still work.",
    "ru": "На экране другое число. В {app} никто не вошёл. В течение часа бот никого не пустит под вашим именем; другие"
    " способы входа работают.",
}
STOPPED: Final = {
    "en": "Nobody was signed in to {app}. For an hour the bot signs nobody in as you; other ways still work. Do not"
    " open such links when others send them.",
    "ru": "В {app} никто не вошёл. В течение часа бот никого не пустит под вашим именем; другие способы входа работают."
    " Не открывайте такие ссылки, если их прислали другие.",
}
QUIET: Final = {
    "en": "A sign-in was refused here less than an hour ago, so the bot signs nobody in as you yet. Choose another"
    " way.",
    "ru": "Меньше часа назад здесь был отклонён вход, поэтому бот пока никого не пустит под вашим именем. Выберите"
    " другой способ.",
}
OVER: Final = {
    "en": "This link is used up or too old. Begin again where you want to sign in.",
    "ru": "Эта ссылка использована или устарела. Начните заново там, где хотите войти.",
}


def say(texts: Mapping[str, str], language: str, **words: str) -> str:
    """The text in this language (a BCP 47 tag, as a messenger tells it), else in English."""
    return _spoken(texts, language).format(**words)


def build_question(attempt: BotAttempt, language: str) -> str:
    """What the bot asks, with all that tells a login of one's own from a stranger's."""
    whence = ", ".join(filter(None, (attempt.place, attempt.agent)))
    details = say(GOES_TO, language, host=attempt.host) if attempt.host else ""
    details += say(FROM, language, whence=whence) if whence else ""
    return say(ASK, language, app=name_of(attempt, language), details=details)


def name_of(attempt: BotAttempt, language: str) -> str:
    """What is signed in to."""
    return _spoken(attempt.app, language)


def build_choices(attempt: BotAttempt, language: str) -> tuple[Choice, ...]:
    """The numbers, and the way out."""
    return (*(Choice(number, number) for number in attempt.choices), Choice(say(NOT_ME, language), NO))


def _spoken(texts: Mapping[str, str], language: str) -> str:
    return texts.get(language.partition("-")[0]) or texts.get("en") or next(iter(texts.values()), "")
