"""What the emulated Telegram does as Telegram does. From core.telegram.org (read 2026-11)."""

from __future__ import annotations

from typing import Final

from broker.demo.rules import Rule, documented, guessed, measured

WORKS: Final = (
    "OpenID Connect, widget, redirect with `#tgAuthResult`, `login_url` buttons, data of Mini Apps; Bot API: "
    "`getMe`, `sendMessage`, `editMessageText`, `answerCallbackQuery`, updates by webhook; `/<bot>` is the chat"
    " that t.me opens"
)
MISSING: Final = "the script's popup, what else Mini Apps have, and of the Bot API all that is not named above"
RULES: Final[tuple[Rule, ...]] = (
    measured("the nonce is not in the ID token of the code flow (fault `echoed_nonce`: it is)"),
    documented("`id` is the person, `sub` another number; the phone number has no plus; no userinfo"),
    documented("signed fields: HMAC over all of them, sorted; what a person does not have is missing"),
    documented(
        "data of a Mini App: HMAC by another key of the bot's token, over `signature`, too; `signature` by "
        "Telegram's own key, for one bot"
    ),
    measured("published data of a real Mini App fit both rules; the emulator's own key signs here"),
    guessed("which fields a client adds by platform; here those of a button, or of a link"),
    documented("`/setdomain` decides where the widget may be and where it may return to"),
    documented("`client_id` and secret go in the header or in the form"),
    guessed("both at once are refused"),
    guessed("how booleans would be spelt among signed fields"),
    documented(
        "a chat gets one message in a second and a bot sends thirty; beyond, 429 with `retry_after` in the body and"
        " in the header"
    ),
    documented(
        "400 for a chat that the bot does not know, 403 for a person who blocked it, 401 for a token that was revoked"
    ),
    guessed("everybody lets a bot write until they block it: whether they were asked, nobody can ask Telegram"),
    documented(
        "an update that is not answered with 2xx is sent again; its secret is in `X-Telegram-Bot-Api-Secret-Token`;"
        " data of a button has 64 bytes at most"
    ),
    guessed("after a 4xx the emulator gives up, the real one tries for longer"),
    guessed(
        "short bursts pass in life, and are refused here; a bot that sends while it is to wait is told the seconds "
        "that are left"
    ),
)
