"""What can go wrong at an upstream, by name. Every emulator declares which of these it knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final


class UnknownFault(LookupError):
    """A name that this upstream does not know."""


TRANSPORT: Final = ("500", "slow", "html_502", "empty_answer", "not_json", "huge_answer")
"""Faults that every upstream has on the calls the broker makes to it."""

OAUTH: Final = ("decline", "wrong_state", "error_200", "invalid_grant")
"""Faults of every upstream's authorization and token endpoint."""

FAULTS: Final[Mapping[str, tuple[str, str]]] = {  # name -> (English, Russian)
    "decline": ("The person declines", "Человек отказывается"),
    "500": ("Calls answer 500", "Вызовы отвечают 500"),
    "slow": ("Calls take 10 seconds", "Вызовы длятся 10 секунд"),
    "html_502": ("Calls answer an HTML page, 502", "Вызовы отвечают страницей 502"),
    "empty_answer": ("Calls answer 200 with nothing", "Вызовы отвечают пустотой и 200"),
    "not_json": ("Calls answer 200 with HTML", "Вызовы отвечают HTML и 200"),
    "huge_answer": ("Calls answer 2 MiB", "Вызовы отвечают двумя мегабайтами"),
    "error_200": ("An error comes with status 200", "Ошибка приходит со статусом 200"),
    "invalid_grant": ("The code is refused", "Код не принимается"),
    "wrong_state": ("Another state comes back", "Возвращается чужой state"),
    "wrong_nonce": ("ID token: another nonce", "ID-токен: чужой nonce"),
    "echoed_nonce": ("ID token: the nonce comes back", "ID-токен: nonce возвращается"),
    "no_nonce": ("ID token: no nonce", "ID-токен: без nonce"),
    "wrong_issuer": ("ID token: another issuer", "ID-токен: чужой издатель"),
    "bare_issuer": ("ID token: issuer without scheme", "ID-токен: издатель без схемы"),
    "wrong_iss_param": ("Callback: another iss", "Возврат: чужой iss"),
    "no_iss_param": ("Callback: no iss, although promised", "Возврат: нет обещанного iss"),
    "wrong_audience": ("ID token: another audience", "ID-токен: чужой получатель"),
    "wrong_azp": ("ID token: another azp", "ID-токен: чужой azp"),
    "many_audiences": ("ID token: several audiences, azp is us", "ID-токен: несколько получателей, azp наш"),
    "no_iat": ("ID token: no iat", "ID-токен: без iat"),
    "expired_token": ("ID token: expired", "ID-токен: просрочен"),
    "future_token": ("ID token: from the future", "ID-токен: из будущего"),
    "wrong_signature": ("ID token: broken signature", "ID-токен: неверная подпись"),
    "wrong_at_hash": ("ID token: at_hash of another token", "ID-токен: чужой at_hash"),
    "alg_none": ("ID token: not signed", "ID-токен: без подписи"),
    "alg_hs256": ("ID token: signed with the public key", "ID-токен: подписан открытым ключом"),
    "rotated_keys": ("Keys have been rotated", "Ключи сменились"),
    "rotated_at_signing": ("Keys change right before signing", "Ключи сменяются прямо перед подписью"),
    "no_kid": ("ID token: no kid", "ID-токен: без kid"),
    "two_keys": ("Two keys of one algorithm", "Два ключа одного алгоритма"),
    "unknown_kid": ("ID token: key nobody published", "ID-токен: неопубликованный ключ"),
    "es256k": ("ID token: signed by ES256K", "ID-токен: подпись ES256K"),
    "no_id_token": ("No ID token", "Нет ID-токена"),
    "no_id": ("No id in the answer", "В ответе нет id"),
    "other_user_id": ("Two answers name two people", "Два ответа называют разных людей"),
    "other_discovery": ("Discovery of another issuer", "Discovery чужого издателя"),
    "email_as_text": ("email_verified is text", "email_verified текстом"),
    "signed_userinfo": ("Userinfo answers a signed token", "Userinfo отвечает подписанным токеном"),
    "refresh_refused": ("Refreshing is refused", "Обновление не принимается"),
    "weak_acr": ("ID token: a lower level than asked for", "ID-токен: уровень ниже запрошенного"),
    "other_person": ("ID token: another sub", "ID-токен: чужой sub"),
    "logout_nonce": ("Logout token: a nonce", "Токен выхода: с nonce"),
    "logout_no_event": ("Logout token: no event", "Токен выхода: без события"),
    "logout_wrong_event": ("Logout token: another event", "Токен выхода: другое событие"),
    "logout_about_nobody": ("Logout token: neither sub nor sid", "Токен выхода: ни sub, ни sid"),
    "private_email": ("The address is hidden behind a relay", "Адрес скрыт за пересылкой"),
    "odd_user": ("Callback: a name that is no JSON", "Возврат: имя не в JSON"),
    "other_tenant": ("ID token: another tenant than its issuer", "ID-токен: другой тенант, чем у издателя"),
    "template_issuer": ("ID token: the issuer is a template", "ID-токен: издатель — шаблон"),
    "v1_token": ("ID token: of version 1.0", "ID-токен: версии 1.0"),
    "other_key": ("ID token: signed with a key for another issuer", "ID-токен: подписан ключом для чужого издателя"),
    "hosted_domain": ("A Workspace account", "Аккаунт организации"),
    "hd_gmail": ("hd says gmail.com", "hd равен gmail.com"),
    "dialog_error": ("Dialog: an error by number alone", "Диалог: ошибка одним номером"),
    "email_declined": ("The e-mail permission is declined", "В доступе к почте отказано"),
    "number_app_id": ("Token check: the app's id is a number", "Проверка токена: id приложения числом"),
    "token_invalid": ("Token check: not valid", "Проверка токена: недействителен"),
    "token_expired": ("Token check: expired", "Проверка токена: просрочен"),
    "page_token": ("Token check: of a page, not a person", "Проверка токена: страницы, а не человека"),
    "personal_account": ("A personal account gets no further", "Личный аккаунт дальше не пускают"),
    "code_suffix": ("The code ends in #_", "Код кончается на #_"),
    "flat_answer": ("Tokens come without a list, ids as numbers", "Токены без списка, id числом"),
    "wrapped_profile": ("Profile comes in a list", "Профиль в списке"),
    "no_permission": ("The needed permission is declined", "Нужное право не дано"),
    "no_device_id": ("Callback without device_id", "Возврат без device_id"),
    "payload_form": ("Callback as one JSON parameter", "Возврат одним JSON-параметром"),
    "error_400": ("Errors come with status 400", "Ошибки приходят со статусом 400"),
    "number_expiry": ("expires_in is a number", "expires_in числом"),
    "number_audience": ("ID token: audience is a number", "ID-токен: получатель числом"),
    "more_claims": ("ID token: names in parts, phone flag", "ID-токен: имя по частям, флаг телефона"),
    "ip_bound": ("Token is bound to another address", "Токен привязан к другому адресу"),
    "session_expired": ("API: session expired (102)", "API: сессия истекла (102)"),
    "text_codes": ("API: error codes as text", "API: коды ошибок текстом"),
    "any_app_key": ("API: any token goes with any app's key", "API: токен годится с ключом любого приложения"),
    "error_in_query": ("Refusal comes in the query", "Отказ приходит в query"),
    "empty_callback": ("Callback without anything", "Возврат без параметров"),
    "other_app": ("Profile names another app", "Профиль называет чужое приложение"),
    "unauthorized": ("Profile answers 401", "Профиль отвечает 401"),
    "old_issuer": ("ID token: the issuer of before 2024", "ID-токен: издатель до 2024 года"),
    "thin_id_token": ("ID token: nothing but the key", "ID-токен: только ключ"),
    "email_as_flag": ("ID token: email_verified is a boolean", "ID-токен: email_verified булевым"),
    "no_verified_flag": ("Nothing is said of who checked the address", "Не сказано, проверен ли адрес"),
    "cancelled_login": ("The person does not log in", "Человек не входит"),
    "no_product": ("The app lacks the product", "У приложения нет продукта"),
    "of_an_app": ("Token check: of an app, not of a person", "Проверка токена: он приложения, а не человека"),
    "revoked": ("Token check: revoked", "Проверка токена: отозван"),
    "suspended": ("The app is suspended", "Приложение приостановлено"),
    "rate_limited": ("Addresses: too many calls, 403", "Адреса: слишком много вызовов, 403"),
    "public_email": ("Profile shows somebody else's address", "Профиль показывает чужой адрес"),
    "unverified_primary": ("Addresses: the primary one is not verified", "Адреса: основной не подтверждён"),
    "noreply_primary": ("Addresses: the primary one is the noreply one", "Адреса: основной — noreply"),
    "emails_hidden": ("Addresses: not told, 404", "Адреса: не сообщаются, 404"),
    "many_emails": ("Addresses: the primary one is on page two", "Адреса: основной на второй странице"),
    "token_not_found": ("Profile: no such token, with status 200", "Профиль: токен не найден, со статусом 200"),
    "no_token_type": ("Token response without token_type", "Ответ с токеном без token_type"),
    "foreign_address": ("Profile: a mailbox hosted elsewhere", "Профиль: почта на чужом домене"),
    "inactive_token": ("Introspection: the token is not active", "Интроспекция: токен не действует"),
    "scope_text": ("Introspection: scope is one text", "Интроспекция: scope одной строкой"),
    "new_issuer": ("Introspection: iss has the new domain", "Интроспекция: iss с новым доменом"),
    "unticked_email": ("The person unticks the e-mail", "Человек снимает галочку у почты"),
    "unverified_email": ("Profile: email_verified is false", "Профиль: email_verified равен false"),
    "rs256_token": ("ID token: signed by RS256", "ID-токен: подпись RS256"),
    "gender_text": ("Profile: the gender is text", "Профиль: пол текстом"),
    "completed_500": ("The completion call answers 500", "Вызов о завершении отвечает 500"),
    "no_birthday": ("Profile: no day of birth", "Профиль: без дня рождения"),
    "user_agent": ("Calls need a User-Agent", "Вызовам нужен User-Agent"),
    "callback_unconfirmed": ("Request token: callback not confirmed", "Токен запроса: возврат не подтверждён"),
    "other_request_token": ("Callback: another request token", "Возврат: чужой токен запроса"),
    "no_user_id": ("Access token: no user_id beside it", "Токен доступа: без user_id"),
    "only_v2": ("API: version 1.1 is refused (453)", "API: версия 1.1 не разрешена (453)"),
    "errors_200": ("API: errors with status 200", "API: ошибки со статусом 200"),
    "too_many_calls": ("API: too many calls (429)", "API: слишком много вызовов (429)"),
    "form_answer": ("Token answer: a form that says it is HTML", "Токен: форма, названная HTML"),
    "false_profile": ("Profile answers false", "Профиль отвечает false"),
    "redirected_profile": ("Profile answers a redirect", "Профиль отвечает перенаправлением"),
    "no_emails": ("The list of addresses answers 404", "Список адресов отвечает 404"),
    "wrong_hash": ("Signed fields: wrong hash", "Подписанные поля: неверный hash"),
    "old_auth_date": ("Signed fields: a day old", "Подписанные поля: вчерашние"),
    "future_auth_date": ("Signed fields: from the future", "Подписанные поля: из будущего"),
    "new_field": ("Signed fields: one nobody knows", "Подписанные поля: одно неизвестное"),
    "result_false": ("The result is false", "Результат — false"),
    "no_user": ("Mini App: nobody is named", "Mini App: никто не назван"),
    "no_signature": ("Mini App: an old client, without signature", "Mini App: старый клиент, без signature"),
    "test_environment": ("Mini App: signed by the test environment", "Mini App: подпись тестовой среды"),
    "message_429": ("Messages: the bot has to wait", "Сообщения: боту велено подождать"),
    "message_403": ("Messages: the bot is blocked", "Сообщения: бот заблокирован"),
    "message_400": ("Messages: the text is refused", "Сообщения: текст не принят"),
    "message_unknown_chat": ("Messages: no such chat", "Сообщения: такого чата нет"),
    "message_401": ("Messages: the token was revoked", "Сообщения: токен отозван"),
    "update_twice": ("Updates: each comes twice", "Обновления: каждое приходит дважды"),
    "update_unrelated": ("Updates: others come first", "Обновления: сначала приходят другие"),
    "update_group": ("Updates: from a group", "Обновления: из группы"),
    "update_wrong_secret": ("Updates: another secret", "Обновления: чужой секрет"),
    "message_lost": ("Messages: delivered, and the answer is 500", "Сообщения: доставлено, а ответ — 500"),
}


@dataclass(slots=True)
class Faults:
    """The faults switched on at one emulator. `known` are the names it declares."""

    known: tuple[str, ...]
    _left: dict[str, int | None] = field(default_factory=dict)

    def switch(self, name: str, *, on: bool, times: int | None = None) -> None:
        """Switch `name` on, for the next `times` uses or until it is switched off; raises UnknownFault."""
        if name not in self.known:
            raise UnknownFault(f"no fault {name}; there are {', '.join(sorted(self.known))}")
        self._left.pop(name, None)
        if on and times != 0:
            self._left[name] = times

    def on(self, name: str) -> bool:
        """Whether `name` is on; asking uses up one of its `times`."""
        if name not in self._left:
            return False
        left = self._left[name]
        if left is not None:
            self.switch(name, on=left > 1, times=left - 1)
        return True

    def active(self, name: str) -> bool:
        """Whether `name` is on, without using it up: for what several requests of one login must agree about."""
        return name in self._left

    def shown(self) -> Iterable[tuple[str, bool]]:
        """Every known fault and whether it is on, without using it up."""
        return [(name, name in self._left) for name in self.known]

    def clear(self) -> None:
        """Switch everything off."""
        self._left.clear()
