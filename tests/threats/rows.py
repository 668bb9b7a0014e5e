"""The threats this broker is held to, a line each, and the tests named after them.

`python -m tests.threats.rows` writes docs/reference/threats.md anew.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "reference" / "threats.md"
_NAME: Final = re.compile(r"test_((?:[a-m][0-9]{1,2}_)+)")

SECTIONS: Final = {
    "A": "Authorization endpoint and redirects",
    "B": "The way to an upstream and back",
    "C": "What single upstreams need",
    "D": "Accounts",
    "E": "Signed tokens",
    "F": "Token endpoint and back channel",
    "G": "Browser, session, pages",
    "H": "HTTP input",
    "I": "Outbound calls",
    "J": "Secrets, keys, logs, configuration",
    "K": "Faults and load",
    "L": "Registration and management",
    "M": "Native apps",
}

REQUIRED: Final = {
    "A1": "Redirect URIs are compared byte for byte; there are no patterns.",
    "A2": "A URI that two parsers could read in two ways cannot be registered.",
    "A3": "Only https, loopback http and private-use schemes with a dot can be registered.",
    "A4": "The port alone is free, and only for registered `http://127.0.0.1` and `http://[::1]`.",
    "A5": "Until client and redirect URI are known to be good, a failure is a page.",
    "A6": "No link to us, an error, a silent request or a logout of nobody, leads on to an app that registered itself.",
    "A7": "`code` is the only response type; a code never travels in a fragment.",
    "A8": "Every response mode passes the same comparison.",
    "A9": "The form that returns a response escapes it, runs one script by nonce and goes to one origin.",
    "A10": "Error pages have texts of ours; what a visitor sent is never echoed as markup.",
    "A11": "`iss` is in every authorization response, success and error.",
    "A12": "S256 or nothing; a verifier without a challenge is refused as well.",
    "A13": "A consent question is sealed, bound to one session, and answered once.",
    "A14": "What is asked stands in the sealed question; a form only leaves out, and a no counts at every host.",
    "A15": "Scopes beyond the registration are left out.",
    "A16": "Native public clients are never answered without a person pressing a button.",
    "A17": "`max_age` and `prompt=login` need a new login; an older `auth_time` of the upstream is believed.",
    "A18": "An `id_token_hint` is verified as ours, for this client; another person is `login_required`.",
    "A19": "A request object counts signed by its client, for us, once, alone; nothing is fetched before that.",
    "A20": "After a POST: 303 or a page that navigates by GET, never 307.",
    "A21": "`no-referrer` everywhere, no resource of another origin on any page.",
    "A22": "An app's name is exactly what it looks like, and the host it is returned to stands beside it.",
    "A24": "No address of the person's own machine is answered silently without a secret, by whatever name.",
    "A25": "A request that our own links send again comes back whole, whatever it asked for.",
    "A26": "A client without fixed addresses is the demo's, on this machine, beside emulated upstreams; nowhere else.",
    "A23": "A yes is a yes to what the page promised: name, host, subject, policy. Another promise asks again.",
    "B1": "A login attempt opens only in the browser that began it; shown elsewhere it is burnt.",
    "B2": "The state is claimed in one step before the upstream is asked anything.",
    "B3": "The sealed attempt names the provider instance, and the callback must be that instance's.",
    "B4": "An `iss` in an answer must be the issuer's; then only is the code sent anywhere.",
    "B5": "Every instance has a callback, a client id and a set of people of its own.",
    "B6": "A way in that one session began to add is added in no other; who is there then reads why.",
    "B7": "PKCE and nonce go upstream wherever they are known; a code of another attempt does not fit.",
    "B8": "Every kind of value has its own key space, type mark and sealing purpose.",
    "B9": "What is switched off is off at login, callback, code, refresh, userinfo and silent sign-on.",
    "B10": "No attempt, no processing.",
    "B11": "The nonce is sent, and must come back where the upstream echoes it.",
    "B12": "A subject is non-empty text of the declared shape, or there is no login.",
    "B13": "Two answers of one login must be about one person.",
    "B14": "Issuers come from our code and configuration, never from a token or a request.",
    "B15": "Where a login ends is in the sealed request; no parameter changes it.",
    "B16": "An `error` wins over a code that came with it; its words are not shown.",
    "B17": "Endpoints are fixed per type, or those of the configured issuer's own document.",
    "B18": "The attempt's cookie alone is `SameSite=None`, short-lived and good for one state.",
    "B19": "One record per attempt: tabs finish in any order, each at its own client.",
    "B20": "Upstream tokens live as long as the request that got them; kept ones are switched on by name and sealed.",
    "B22": "Sealed values are authenticated with their purpose; a changed one opens nothing.",
    "B23": "A level or method of authentication counts only from a provider whose operator listed it.",
    "B24": "Two issuers share one identity namespace only where the operator says that the people are the same.",
    "C1": "Google: people are keyed by `sub`; the domain gate asks `hd`, never the address.",
    "C2": "Google: `aud`, `azp` and nonce must be ours; an ID token posted unasked, or once more, logs nobody in.",
    "C3": "Microsoft: an address counts where Microsoft says who owns its domain, or the operator trusts the tenant.",
    "C4": "Microsoft: issuer, key and tenant of a token agree, and the tenant is one that is let in.",
    "C5": "Apple: a name may come by the form, which nobody signed; the address comes by the ID token alone.",
    "C6": "Apple: ID tokens are RS256, for the Services ID in a browser, for a listed app from a kit, with our nonce.",
    "C7": "Facebook: a token counts once Facebook says that it is a person's, valid, ours; an ID token by our nonce.",
    "C8": "Telegram: signed fields count for five minutes, once, in the attempt that asked or for the app that posts.",
    "C9": "Telegram: names are words, none twice, values have no control character, so a signature has one reading.",
    "C10": "Telegram: a widget is no Mini App, nor the other way round; each has its key and its marks in the store.",
    "C11": "Telegram: Mini App data counts for minutes, once, for our bot; every signature we can verify has to fit.",
    "C12": "OK: only values of ours are signed; hosts come from our code.",
    "C13": "OK: a token from a fragment is proved to be our application's by a signed call, once, in its own browser.",
    "C14": "Keys of people are identifiers that the upstream promises never to change.",
    "C15": "GitHub: people are numbers; an address is the primary one of the list, verified by its word alone.",
    "C16": "Numeric ids are exact decimal text with one spelling.",
    "C17": "VK: the person is who the server-side answers agree on; `device_id` and state are checked.",
    "C18": "VK, OK, other mailboxes at Yandex: addresses are unverified, and no address links anything.",
    "C19": "A subject counts within its provider instance: one number at three upstreams is three people.",
    "C20": "Every provider passes one contract suite; an upstream without `state` is bound by its path.",
    "C21": "A plugin gets its settings and the guarded client; broken it stops the start, slow it costs its own.",
    "C22": "Telegram: one bot is one set of people, however they come.",
    "D1": "An address joins nothing; one proven on both sides, in a trusted domain, names the account to sign in to.",
    "D2": "An account whose address nobody proved is not touched, named or found by it.",
    "D3": "What somebody prepared in an account ends: sessions, questions, ways in, grants of the one that is joined.",
    "D4": "Only JSON `true`, or what a provider's documentation says, verifies an address.",
    "D5": "A proof of a way in is sealed: one browser, one subject, one decision, ten minutes.",
    "D6": "A proof counts once; it, what a way in gave and a yes taken back are over, and stay so when that returns.",
    "D7": "Ways in are added and taken away within five minutes of a login that asked, never by a silent one.",
    "D8": "What changes an account is a form of ours, bound to session, purpose and object; none is made up.",
    "D9": "Who is added, and to whom, stands in the sealed question; fields of the form change nothing.",
    "D10": "No link of a stranger adds their way in to an account: state, session and a yes stand before it.",
    "D11": "A blocked account stays so at every door; one that is to be deleted opens that of its own page alone.",
    "D12": "A unique key holds one identity to one account.",
    "D13": "Subjects are compared byte for byte.",
    "D14": "Addresses are no keys; only ASCII ones with one `@` are compared at all, and fold ASCII case alone.",
    "D15": "A gate whose claim is missing is shut.",
    "D16": "The last way in stays; what came from another ends with it.",
    "D17": "A `sub` is random and never given again; that of a merged account leads to the one that took it in.",
    "D18": "Who proved nothing, or may not ask, is told the same of somebody and of nobody.",
    "D19": "A renamed provider keeps its people; another one inherits none.",
    "D20": "Keys of two parts are two columns; no separator can be smuggled.",
    "E1": "Algorithms come from a list of ours; `none` is in no spelling on it.",
    "E2": "The type of the key decides the algorithm.",
    "E3": "Keys in a header are not looked at, but for the public `jwk` of a DPoP proof.",
    "E4": "`kid` is an opaque key of a dictionary.",
    "E5": "Every `crit` is refused.",
    "E6": "Encrypted tokens are refused before anything is decrypted.",
    "E7": "Tokens are bounded in length and depth before they are decoded.",
    "E8": "Every kind of token has its own `typ`, and counts as nothing else.",
    "E9": "The audience is ours and only ours; `azp` is checked.",
    "E10": "`at_hash` must fit where it is present.",
    "E11": "Claims have the types of the specification.",
    "E12": "Clocks may differ by a bounded number of seconds.",
    "E13": "Every issuer has a key set of its own.",
    "E14": "Unknown key ids cause one fetch a minute at most.",
    "E15": "A failed fetch leaves the last good keys in place.",
    "E16": "Key sets are bounded, without redirects, and over https.",
    "E17": "Degenerate signatures are refused.",
    "E18": "A key's own `alg`, `use` and `key_ops` are respected.",
    "E19": "Weak keys are refused.",
    "E20": "A member named twice is refused.",
    "E21": "Base64url has one spelling.",
    "E22": "No configuration and no request chooses a reserved claim.",
    "E25": "A signature that does not fit a kept key is a reason to fetch keys again, once a minute.",
    "E24": "Of several audiences of an ID token we are one, and `azp` says that it was us who asked.",
    "E23": "A key's holder does not choose how long we compute: RSA up to 4096 bits, exponents below 2^32.",
    "F1": "A code that comes again ends everything it gave.",
    "F2": "Of any number of redemptions one succeeds, held by a unique key in the database.",
    "F3": "A code shown by another client is dead.",
    "F4": "`redirect_uri` at the token endpoint equals that of the request.",
    "F5": "A code lives a minute, or as configured up to ten.",
    "F6": "Refresh tokens rotate; a spent one that comes back ends the family.",
    "F7": "Of any number of rotations one line of children lives.",
    "F8": "A lost answer to a refresh is given again for ten seconds: the same child.",
    "F9": "Account, client and provider are asked about at every refresh and every use.",
    "F10": "A refresh token is its client's, and its scope only shrinks.",
    "F11": "A client proves itself in its registered way; `client_secret` stands for header or form, one of them.",
    "F12": "An assertion counts once, at all doors together.",
    "F13": "The audience of an assertion is the issuer, and nobody else.",
    "F15": "A DPoP proof is for one request, of now, used once; what it binds opens nothing without its key.",
    "F16": "A device's code is guessed at a price, and a person says yes in one session to what the page names.",
    "F17": "Failed proofs of a client are counted together at every door.",
    "F18": "Nothing is exchanged unless provider and client both allow that kind; nobody acts for another.",
    "F14": "A pushed request has an unguessable name, a minute to be shown, one client and one answer.",
    "F19": "A token is told about to its client and to the APIs it is for, which must have a secret, and to no other.",
    "F20": "A token given back takes along all that hangs on its grant, at once; tokens of others are left alone.",
    "F21": "Grant types that should not exist do not.",
    "F22": "An access token in a URL is not read.",
    "F23": "Only registered origins read answers, without credentials.",
    "F24": "What is looked up is a digest: how far a guess is right shows in no comparison.",
    "F25": "Every value comes from the system's generator with 128 bits or more.",
    "F26": "A client for bound tokens gets no other, and a login that began with DPoP never yields a bearer token.",
    "F27": "Statements are fixed, and values are passed beside them.",
    "F28": "Every access token says whom it is for; APIs come from the client's list, and userinfo wants its own.",
    "F29": "A client's own token has a `sub` no person can have and no scope about people.",
    "F30": "A grant gives what its client may have today: it is cut wherever it is read, and read through one door.",
    "G1": "A new session id at every login; the one before is dead.",
    "G2": "All cookies are `__Host-`, Secure, HttpOnly, without Domain.",
    "G3": "Five attempts per browser at most; the oldest goes.",
    "G4": "No answer may be framed, but one that asked nobody, as a message, by the app's own origin.",
    "G5": "A form counts with its sealed ticket, in its session, from our own page.",
    "G6": "Whoever logs out is sent to a registered URI, byte for byte, and only by an app that proved itself.",
    "G7": "A logout ends session and grants at once; apps are told until they confirm, across restarts.",
    "G8": "An upstream's logout token passes every check, once; a forged one ends nothing.",
    "G9": "A message carries a code, never a token, to the origin of the redirect URI and no other.",
    "G10": "No page takes messages; the origin is the registered one, and has to be among those that may call us.",
    "G11": "An opener that went elsewhere hears nothing, and a code is nothing without its verifier.",
    "G12": "Only a login that is answered by message keeps its opener; without one the answer is a redirect.",
    "G13": "Names and pictures of people are text and https URLs.",
    "G14": "Names of apps and providers are text.",
    "G15": "`no-store` on all but keys, metadata and static files.",
    "G16": "Addresses of a flow work once, and in their browser.",
    "G17": "A second app is asked about.",
    "G18": "Sessions end when idle and after an absolute time, on our side.",
    "G19": "No page answers another about the session.",
    "G20": "A session has another name in every sector, and only apps that hear of logouts are told it.",
    "F31": "A limit on guesses is asked before the verdict, counted after it, and shuts out no neighbour.",
    "H1": "A parameter comes once; `resource` alone may come again.",
    "H2": "A POST is read from its body alone.",
    "H3": "Bodies, fields, headers and URLs are bounded.",
    "H4": "A form has the content type of a form.",
    "H5": "JSON is bounded in depth and length, and names a member once.",
    "H6": "Nothing is made from the Host header; a foreign one is refused.",
    "H7": "Only configured proxies are believed, the right-most stranger counts.",
    "H8": "A path has one spelling; management is another listener.",
    "H9": "No control character reaches a header.",
    "H10": "Bytes that are no text are refused and leave nothing.",
    "H11": "Slow visitors are hung up on.",
    "H12": "Routes answer to their own methods; HEAD of a callback spends nothing.",
    "H13": "Static files come from memory by their exact name; ranges are not offered.",
    "H14": "Time grows with length only, also that of hiding secrets in a log; details name what is ours.",
    "H15": "One event is one line of JSON.",
    "H17": "A message has one budget of bytes, in whatever part of its framing they come; nothing follows the body.",
    "H18": "A request is one of HTTP/1.0 or 1.1 and names one Host.",
    "I1": "A `request_uri` is fetched only where it is registered for the client, byte for byte.",
    "I2": "Addresses inside the operator's network are refused, in every spelling.",
    "I3": "The checked address is the dialled one.",
    "I4": "Logout tokens go where any other call to a client's URL may go; what comes back is not read.",
    "I5": "A logo is fetched once, behind the guard, when its app registers; pages hold the picture itself.",
    "I6": "Five seconds a call, nine a login, 64 calls at once per upstream.",
    "I7": "Half a megabyte after decompression, counted while reading.",
    "I8": "Whatever an upstream answers is an identity or a page with another way in.",
    "I9": "Certificates are verified, TLS 1.2 at least, and no switch turns that off.",
    "I11": "Nobody gets more messages than a messenger allows, and none who said no, whatever apps order.",
    "I12": "Somebody's slow server takes no more than its share of our calls.",
    "I13": "Addresses that look public and are not, and those the operator names, are never called.",
    "J1": "Events have fixed fields; a redaction step stands behind.",
    "J2": "Codes, sessions and refresh tokens are digests, private keys sealed.",
    "J3": "Placeholders, short secrets and files others can read stop the start.",
    "J4": "Only public members of keys are published.",
    "J5": "A key is published before it signs, and stays until its tokens are gone.",
    "L1": "Apps register with a token of the operator's, so many and so often.",
    "L2": "Metadata that does not fit together is refused.",
    "L3": "An entry's token opens that entry alone, changes with it and dies with it.",
    "L4": "There is no first account; no token opens a door of the operator; the operator's listener changes nothing.",
    "L5": "An app that registered itself is marked as not verified, with its host, whatever it calls itself.",
    "L6": "An app reaches nothing of another app.",
    "L7": "A sector is proved, or it is the client's own; a host that is merely named is shared with nobody.",
    "L8": "An app that registered itself has a name of its own, and sends no frame to a host it has not proved.",
    "L9": "An app made while the broker runs follows the rules of the file and reads no file; its secret is seen once.",
    "L10": "The admin API is off unless switched on; its tokens are made at the machine, end, and open what they may.",
    "M3": "A native app is answered at its registered address; a scheme that looks like it is another one.",
    "M4": "A native app always uses PKCE, and a nonce does not stand in for it.",
    "M1": "A token counts that an app of ours got, for our nonce where it can carry one (`drf_without_nonce`: young).",
    "M2": "A posted credential counts once, with a challenge of minutes; where an upstream is away nothing is spent.",
    "M6": "A secret in an app's package proves nothing: it is asked about, and uses PKCE, like one without.",
    "M7": "Every door asks the same gate, whoever is blocked, closing, or came by a provider that is off.",
}
"""Rows that must have a test: what the code as it is touches. What is not built yet is not here."""

FURTHER: Final = {
    "G22": "An event names people and sessions as its receiver may know them, and its token passes for no other.",
    "G21": "What an upstream tells of people counts signed for us, of late, and once; else nothing ends.",
    "C23": "OK: what a fragment brought is asked about in calls signed with our own secret.",
    "C25": "Telegram: a bot signs in who presses the number of that screen, once; updates count with their secret.",
    "C24": "Telegram: a signed field nobody knows is not read; an unsigned or moved one is refused.",
    "D21": "A phone number counts with its `+`; who sends digits alone has none.",
    "D22": "Control, direction and invisible characters in names end here; addresses are atext at A-labels.",
    "H16": "A request with two readings ends the connection.",
    "I15": "A webhook is called behind the guard, gets its own token alone, and its answer is read for one word.",
    "I14": "No single visitor can make the broker leave an upstream alone.",
    "I10": "The environment's proxy is used only where configured.",
    "M5": "Known web views are shown a way out, nobody is stopped, and a yes elsewhere needs a number to count.",
    "J6": "One command removes a leaked key, and nothing it signed counts any more.",
    "J7": "A configuration starts as a whole or not at all.",
    "J8": "A bug shows a reference number.",
    "J9": "Management is another listener; metrics name nobody.",
    "J10": "Dependencies stay above the versions that closed known holes.",
    "J11": "Every deed is in the audit stream once.",
    "J12": "Templates run in a sandbox.",
    "J13": "No key seals so much that a nonce could come twice: every day has keys of its own.",
    "K1": "Without Redis logins wait with 503 and documents go on.",
    "K3": "A Redis that evicts is refused at start.",
    "K4": "What is unknown is refused.",
    "K5": "Answers of a store are never swapped.",
    "K6": "What a Redis user may not do is found out at start.",
    "K7": "What was acknowledged survives `kill -9`.",
    "K8": "One connection writes and checkpoints.",
    "K9": "A full disk is 503, and nothing is lost.",
    "K10": "A damaged database is found beside the work, turns `/readyz` and stops the next start.",
    "K11": "Clocks that jump bring nothing back.",
    "K14": "A circuit breaker per upstream.",
    "K15": "A visitor nobody vouched for costs no storage.",
    "K16": "Counters are exact, also in parallel.",
    "K17": "Migrations are transactions.",
    "K18": "Nodes agree on the signing keys within a minute.",
    "K21": "What strangers make up, proofs, request objects, showings, is stored for good requests alone, or counted.",
    "K22": "What is answered while a store is away was not answered, and can be answered again; a login is begun anew.",
    "K19": "No request keeps the event loop busy for longer than its length earns.",
    "K20": "Key sets are fetched once, however many wait.",
    "J14": "A clock that steps back makes no key sign that nobody was told of.",
    "K25": "A Redis that goes back in time brings no session back.",
    "K23": "A database that went away is 503 at once, and no empty one takes its place without `--create`.",
    "K27": "What a webhook has to hear is queued with the deed; a dead one costs others nothing, and little itself.",
    "B21": "A refreshed ID token of an upstream is about the same login, or it is not believed.",
    "K12": "A shutdown answers what is under way, and a reload drops neither requests nor counts.",
    "K26": "Two brokers with two databases do not share a Redis.",
    "K24": "A restore brings back no session and no spent code, and with `--end-everything` no grant.",
}
"""Rows that have tests although nothing here demands it."""


def named_tests() -> dict[str, list[str]]:
    """Row -> ids of the tests named after it, over the whole of tests/ and the published contract."""
    found: dict[str, list[str]] = {}
    for path in sorted([*(ROOT / "tests").rglob("*.py"), *(ROOT / "broker/testing").rglob("*.py")]):
        for name in _tests_in(path):
            match = _NAME.match(name)
            for row in match[1].rstrip("_").split("_") if match else ():
                found.setdefault(row.upper(), []).append(f"{path.relative_to(ROOT)}::{name}")
    return found


def _tests_in(path: Path) -> Iterator[str]:
    if "node_modules" not in path.parts:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name


def build_page() -> str:
    """docs/reference/threats.md."""
    tests, known = named_tests(), REQUIRED | FURTHER
    lines = [
        "# Threats and the tests that hold them off",
        "",
        "<!-- Generated by `python -m tests.threats.rows`; a test fails when it names a test that is gone. -->",
        "",
        "A row is a way in which brokers have failed. Its tests carry its name: `pytest -k test_b3_` runs those of B3.",
        "The reasoning is in the [threat model](../explanation/threat-model.md).",
    ]
    for letter, title in SECTIONS.items():
        rows = sorted((row for row in {*REQUIRED, *tests} if row[0] == letter), key=lambda row: int(row[1:]))
        lines += ["", f"## {letter}. {title}", "", "| row | what we do | tests |", "|---|---|---|"]
        lines += [f"| {row} | {known[row]} | {_cell(tests.get(row, []))} |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(tests: list[str]) -> str:
    return "<br>".join(f"`{test.removeprefix('tests/')}`" for test in tests)


def listed(page: str) -> dict[str, list[str]]:
    """Row -> test ids, as a page says."""
    found = {}
    for line in page.splitlines():
        if match := re.match(r"\| ([A-M][0-9]+) \|.*\| (.*) \|$", line):
            found[match[1]] = [
                test if test.startswith("broker/") else f"tests/{test}" for test in re.findall(r"`([^`]+)`", match[2])
            ]
    return found


if __name__ == "__main__":
    PAGE.write_text(build_page(), encoding="utf-8")
