"""The sample app's texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "title": "Demo shop",
        "lead": "A small app that signs people in through the broker. It knows one address, the issuer.",
        "sign_in": "Sign in",
        "straight": "Straight to one provider",
        "another": "Sign in again with another provider",
        "another_hint": "Another provider is another account, until its owner links the two.",
        "hello": "Signed in",
        "claims": "Claims of the ID token",
        "raw": "The ID token, decoded",
        "tokens": "Tokens",
        "refresh": "Refresh",
        "userinfo": "Ask userinfo",
        "logout": "Sign out here",
        "refreshed": "The tokens are new.",
        "asked": "The userinfo endpoint has answered.",
        "problem": "Sign-in did not work",
        "claim": "Claim",
        "value": "Value",
        "none": "none",
    },
    "ru": {
        "title": "Демо-магазин",
        "lead": "Небольшое приложение, где входят через брокер. Ему известен один адрес — издатель.",
        "sign_in": "Войти",
        "straight": "Сразу к одному провайдеру",
        "another": "Войти ещё раз через другого провайдера",
        "another_hint": "Другой провайдер — другой аккаунт, пока владелец их не свяжет.",
        "hello": "Вход выполнен",
        "claims": "Сведения из ID-токена",
        "raw": "ID-токен в раскрытом виде",
        "tokens": "Токены",
        "refresh": "Обновить",
        "userinfo": "Спросить userinfo",
        "logout": "Выйти здесь",
        "refreshed": "Токены новые.",
        "asked": "Точка userinfo ответила.",
        "problem": "Войти не получилось",
        "claim": "Поле",
        "value": "Значение",
        "none": "нет",
    },
}
