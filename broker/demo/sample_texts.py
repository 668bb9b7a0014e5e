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
        "logout": "Sign out",
        "refreshed": "The tokens are new.",
        "asked": "The userinfo endpoint has answered.",
        "problem": "Sign-in did not work",
        "claim": "Claim",
        "token": "Token",
        "userinfo_says": "What userinfo says",
        "tour_choose": "Choose a way to sign in, then one of three people: Ada has everything, Boris has no e-mail "
        "address, Zoë has an odd name.",
        "tour_break": "On the emulated service's page, open “Make something go wrong” and see what people are told.",
        "tour_look": "Back here, read the claims and tokens, refresh them, and sign in again another way.",
        "tv": "Sign in on a television, by a code",
        "other_language": "Русский",
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
        "logout": "Выйти",
        "refreshed": "Токены новые.",
        "asked": "Точка userinfo ответила.",
        "problem": "Войти не получилось",
        "claim": "Поле",
        "token": "Токен",
        "userinfo_says": "Что говорит userinfo",
        "tour_choose": "Выберите способ входа, затем одного из трёх людей: у Ады есть всё, у Бориса нет почты, "
        "у Зои необычное имя.",
        "tour_break": "На странице эмулируемого сервиса откройте «Пусть что-нибудь сломается» и посмотрите, что увидят "
        "люди.",
        "tour_look": "Вернувшись, прочтите сведения и токены, обновите их и войдите ещё раз другим способом.",
        "tv": "Войти на телевизоре по коду",
        "other_language": "English",
        "value": "Значение",
        "none": "нет",
    },
}

TV_TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "title": "Demo TV",
        "lead": "A device without a keyboard: it shows a code, and somebody says yes in a browser elsewhere.",
        "start": "Sign in",
        "how": "Sign in with your phone",
        "open": "Scan the picture, or open",
        "type": "and compare or type this code:",
        "waiting": "Waiting for your answer…",
        "qr": "QR code of the address with the code in it",
        "hello": "Signed in:",
        "problem": "Sign-in did not work.",
        "back": "Demo shop",
        "other_language": "Русский",
    },
    "ru": {
        "title": "Демо-телевизор",
        "lead": "Устройство без клавиатуры: оно показывает код, а подтверждают вход в браузере на другом устройстве.",
        "start": "Войти",
        "how": "Войдите с телефона",
        "open": "Наведите камеру на картинку или откройте",
        "type": "и сверьте или введите этот код:",
        "waiting": "Ждём вашего ответа…",
        "qr": "QR-код адреса, в котором уже есть этот код",
        "hello": "Вход выполнен:",
        "problem": "Войти не получилось.",
        "back": "Демо-магазин",
        "other_language": "English",
    },
}
