"""What a messenger signs for a bot: who used its login widget or a button of its, and who opened its Mini App.

As Telegram has it: core.telegram.org/widgets/login-legacy, /bots/api#loginurl and
/bots/webapps#validating-data-received-via-the-mini-app (read 2026-11). The two kinds have keys of their own, so that
neither is ever taken for the other, and names of their own in the store of what counts once.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import Field, SecretStr, model_validator

from broker.core.errors import UpstreamInvalid
from broker.core.jose.compact import decode_segment
from broker.core.people.identity import Identity
from broker.core.terms import PostedKind
from broker.core.wire.strict_json import Malformed
from broker.upstream.abilities import SignedIdentity
from broker.upstream.fields import Fields, parse_object, person
from broker.upstream.model import ProviderSettings
from broker.upstream.posted import Posted
from broker.upstream.signed import SignedReply, check_string, unpack_query, unpack_result

PRODUCTION_KEY: Final = "e7bf03a2fa4602af4580703d88dda5bb59f32ed8b02a56c187fe7d34caed242d"
"""The public key by which Telegram signs for Mini Apps, outside its test environment."""

_PERSON: Final = frozenset({"id", "auth_date", "first_name", "last_name", "username", "photo_url"})
_OPENED: Final = frozenset(
    {
        *("query_id", "user", "receiver", "chat", "chat_type", "chat_instance", "start_param", "can_send_after"),
        *("auth_date", "signature"),
    }
)
"""What is documented. What a messenger adds one day is signed like it, counted, and not read."""
_START: Final = re.compile(r"[A-Za-z0-9_-]{1,512}")
_SIGNATURE: Final = re.compile(r"[A-Za-z0-9_-]{86}")


@dataclass(frozen=True, slots=True, repr=False)
class _SignedForAnybody(SignedReply):
    """Signed by a key whose public half `key` everybody has. `head` is the first line; it says for whom."""

    head: str = ""

    def fits(self, given: str, fields: Mapping[str, str]) -> bool:
        if _SIGNATURE.fullmatch(given) is None:
            return False
        try:
            signature = decode_segment(given)
            Ed25519PublicKey.from_public_bytes(self.key).verify(
                signature, f"{self.head}\n{check_string(fields)}".encode()
            )
        except (Malformed, InvalidSignature):
            return False
        return True


class BotSettings(ProviderSettings):
    """Settings of a bot. Its id is the client id in whatever way people come by it: one bot, one set of people."""

    posted = frozenset({PostedKind.WIDGET, PostedKind.INIT_DATA})

    client_id: str = Field(pattern=r"^[1-9][0-9]{0,19}$", description="The bot's id, the digits in front of its token")
    bot_token: SecretStr | None = Field(
        default=None, description="For the widget, login_url buttons, messages and Mini Apps of old clients"
    )
    init_data_key: str = Field(
        default=PRODUCTION_KEY,
        pattern=r"^[0-9a-f]{64}$",
        description="The messenger's public key for the data of Mini Apps; its test environment has another",
    )

    @model_validator(mode="after")
    def _of_one_bot(self) -> Self:
        if self.bot_token is not None and self.bot_token.get_secret_value().partition(":")[0] != self.client_id:
            raise ValueError("bot_token is of another bot than client_id")
        if PostedKind.WIDGET in self.accept_posted and self.bot_token is None:
            raise ValueError("accept_posted: widget needs bot_token, which alone can verify it")
        return self


def unpack_widget(params: Mapping[str, str]) -> Mapping[str, str | bool]:
    """The fields of a widget's reply, which come one by one or together; raises as `unpack_result`."""
    return unpack_result(params["tgAuthResult"]) if "tgAuthResult" in params else params


@dataclass(frozen=True, slots=True)
class BotSigned:
    """Verifies what the messenger signs for the bot of `settings`.

    `now` gives epoch seconds, `odd` is told names that nobody reads.
    """

    settings: BotSettings
    now: Callable[[], float]
    odd: Callable[[str], None]

    def posted(self, posted: Posted) -> SignedIdentity:
        """Whose credential it is, the fields of a widget as a query string or init data; raises UpstreamInvalid."""
        if posted.kind is PostedKind.WIDGET:
            return self.person(unpack_query(posted.token))
        return self.opener(posted.token)

    def person(self, params: Mapping[str, str | bool]) -> SignedIdentity:
        """Who used the widget, or a `login_url` button; raises UpstreamInvalid. Nothing but the token can verify it."""
        if (token := self.settings.bot_token) is None:
            raise UpstreamInvalid("signed replies need bot_token in the configuration")
        key = sha256(token.get_secret_value().encode()).digest()
        rules = SignedReply(key, _PERSON, numbers=frozenset({"id", "auth_date"}))
        signed = rules.verify(params, now=self.now(), odd=self.odd)
        return SignedIdentity(
            identify(signed.fields, self.settings.type, "widget"), signed.replay_key, signed.expires_at
        )

    def opener(self, raw: str) -> SignedIdentity:
        """Who opened the Mini App that was given this init data, as it came; raises UpstreamInvalid.

        Every signature that can be verified must fit: the one by the bot's token, where we have it, and the one by the
        messenger's own key, where it came along. Old clients send the former alone. What both sign counts once.
        """
        params = unpack_query(raw)
        found = [rules.verify(params, now=self.now()) for rules in self._rules(params)]
        if not found:
            raise UpstreamInvalid("init data: it has no signature, and without bot_token nothing else can be verified")
        user = Fields(parse_object(found[0].fields.text("user"), "user"), "user", self.odd)
        if type(user.raw("id")) is not int or user.raw("is_bot"):
            raise UpstreamInvalid("user: it is a bot, or its id is not a whole number")
        for name in sorted(params.keys() - _OPENED - {"hash"}):
            self.odd(name)
        signed = {name: value for name, value in params.items() if name not in {"hash", "signature"}}
        replay_key = f"init data {sha256(check_string(signed).encode()).hexdigest()}"
        start = found[0].fields.shown("start_param") or ""
        known = start if _START.fullmatch(start) else ""
        return SignedIdentity(identify(user, self.settings.type, "miniapp"), replay_key, found[0].expires_at, known)

    def _rules(self, params: Mapping[str, str]) -> Iterator[SignedReply]:
        numbers = frozenset({"auth_date"})
        if (token := self.settings.bot_token) is not None:
            key = hmac.digest(b"WebAppData", token.get_secret_value().encode(), "sha256")
            yield SignedReply(key, _OPENED, numbers, beside=frozenset())
        if "signature" in params:
            key, head = bytes.fromhex(self.settings.init_data_key), f"{self.settings.client_id}:WebAppData"
            beside = frozenset({"hash"})
            yield _SignedForAnybody(key, _OPENED, numbers, signature="signature", beside=beside, head=head)


def identify(me: Fields, kind: str, way: str) -> Identity:
    """Who a messenger's user is, as it describes them everywhere; raises UpstreamInvalid.

    Their id is global: the same for every bot of this `kind` of provider, and whichever `way` they come.
    """
    subject = me.decimal_id("id")
    first, last, username, photo = map(me.shown, ("first_name", "last_name", "username", "photo_url"))
    known = person(None, first, last, nickname=username or first, username=username, picture=photo)
    known |= {"locale": me.shown("language_code")}
    return Identity(subject, known, raw_ids={f"{kind}_id": subject}, amr=("fed", f"{kind}-{way}"))
