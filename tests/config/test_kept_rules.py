"""Apps outside the file: the same words and rules as in it, and the way into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from broker.config.client_model import ClientSettings
from broker.config.clients import build_clients
from broker.config.kept_clients import FOR_THE_FILE, Rulebook
from broker.config.load import load_text
from broker.config.model import Config
from broker.core.clients.kept import KeptClient
from broker.core.errors import ConfigError
from tests.config.minimal import MINIMAL, SHA, resolve

SHOP: dict[str, Any] = {"name": "Shop", "redirect_uris": ["https://shop.test/cb"]}
JWKS = "https://shop.test/jwks.json"
EVERYTHING: dict[str, Any] = {
    "name": {"en": "Shop", "ru": "Магазин"},
    "redirect_uris": ["https://shop.test/cb", "https://shop.test/cb2"],
    "auth_method": "private_key_jwt",
    "jwks_uri": JWKS,
    "assertion_algs": ["ES256"],
    "assertion_audience": "legacy",
    "scopes": ["openid", "profile", "offline_access"],
    "required_scopes": ["openid"],
    "service_scopes": ["orders:read"],
    "grants": ["authorization_code", "refresh_token", "client_credentials"],
    "providers": ["google"],
    "first_party": True,
    "pkce": "required",
    "resources": ["https://api.test/"],
    "serves": ["https://own.test/"],
    "request_uris": ["https://shop.test/request.jwt"],
    "request_object_signing_alg": "ES256",
    "require_signed_request_object": True,
    "id_token_claims": "requested",
    "userinfo_alg": "RS256",
    "subject_type": "pairwise",
    "sector": "shop.test",
    "access_token_format": "jwt",
    "dpop_bound_access_tokens": True,
    "languages": ["ru"],
    "home_uri": "https://shop.test/",
    "initiate_login_uri": "https://shop.test/login",
    "post_logout_redirect_uris": ["https://shop.test/out"],
    "backchannel_logout_uri": "https://shop.test/bc",
    "backchannel_logout_session_required": True,
    "frontchannel_logout_uri": "https://shop.test/fc",
    "frontchannel_logout_session_required": True,
    "account_linking": True,
    "lookup_identities": True,
    "email_fallback": "{sub}@users.noreply.example.com",
    "id_token_alg": "RS256",
    "extra_claims": {"profile": {"team": "groups"}},
    "access_token_claims": ["team"],
    "access": {"sign_up": "known", "email_domains": ["example.com"]},
}
ELSEWHERE: dict[str, Any] = {  # what does not go with the rest
    "jwks": {"keys": []},
    "profile": "standard",
    "require_par": False,
    "origins": [],
    "one_tap": False,
    "secret_hashes": [],
}


def config(text: str = f"{MINIMAL}keys: {{algorithms: [RS256]}}\n") -> Config:
    return load_text(text, "config.yaml", resolve, environ={}, base=Path()).config


def problems(said: dict[str, Any], client_id: str = "other") -> list[str]:
    with pytest.raises(ConfigError) as refused:
        Rulebook(config()).judge(client_id, said)
    return refused.value.problems


def kept(said: dict[str, Any]) -> KeptClient:
    return KeptClient("other", Rulebook(config()).judge("other", said).settings, 0, 0)


def test_there_is_no_key_of_the_file_that_is_not_looked_at_here() -> None:
    assert ClientSettings.model_fields.keys() == {*EVERYTHING, *ELSEWHERE, *FOR_THE_FILE}


def test_an_app_with_every_key_is_the_one_that_the_file_would_make_of_it() -> None:
    book, entry = Rulebook(config()), kept(EVERYTHING)
    assert entry.settings == EVERYTHING, "as it was said"
    text = book.render("other", entry.settings, ("a note",))
    assert text.startswith("  # a note\n  other:\n    name:\n")
    in_file = build_clients(config(f"{MINIMAL}{text}"))["other"]
    assert book.build(KeptClient.from_bytes(entry.to_bytes())) == in_file


@pytest.mark.parametrize(
    ("said", "in_words_of_the_file"),
    [
        ({"first_party": "true", "userinfo_alg": "RS256"}, {"first_party": True, "userinfo_alg": "RS256"}),
        ({"name": "Кружка"}, {"name": "Кружка"}),
    ],
)
def test_what_a_command_line_says_is_kept_as_what_it_is(said: dict[str, Any], in_words_of_the_file: Any) -> None:
    assert kept(SHOP | said).settings == SHOP | in_words_of_the_file


def test_a_secret_is_made_where_one_is_needed_unless_one_is_brought() -> None:
    judge = Rulebook(config()).judge
    assert judge("other", SHOP).needs_secret
    assert not judge("other", SHOP | {"auth_method": "none"}).needs_secret
    assert not judge("other", SHOP | {"auth_method": "private_key_jwt", "jwks_uri": JWKS}).needs_secret
    brought = judge("other", SHOP | {"secret_hashes": [f"sha256:{SHA}"]})
    assert (brought.digests, brought.settings) == ((SHA,), SHOP)
    assert "0" * 64 not in str(Rulebook(config()).build(kept(SHOP))), "what stood in for one proves nobody"


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"redirect_uris": ["http://shop.test/cb"]}, "redirect_uris[0]: "),
        ({"redirect_uris": []}, "redirect_uris: is required"),
        ({"redirct_uris": []}, "redirct_uris: unknown key (did you mean redirect_uris?)"),
        ({"providers": ["vk"]}, "providers[0]: there is no provider vk"),
        ({"id_token_alg": "EdDSA"}, "id_token_alg: EdDSA is not among keys.algorithms"),
        ({"languages": ["de"]}, "languages[0]: should be 'ru' or 'en'"),
        ({"origins": ["https://shop.test"]}, "origins: only a public client"),
        ({"grants": "x"}, "grants: should be a list"),
        ({"first_party": {"a": 1}}, "first_party: should be"),
        (
            {"secret_hashes": [f"sha256:{SHA}", f"sha256:{SHA}"], "auth_method": "none"},
            "secret_hashes: ",
        ),
        ({"auth_method": "client_secret_jwt"}, "auth_method: needs the secret itself"),
        ({"service_scopes": ["notify"], "grants": ["client_credentials"]}, "service_scopes[0]: decides"),
        ({"name": "x" * 300}, "name: "),
        ({"jwks_uri": JWKS, "jwks": {"keys": []}}, "jwks_uri: is there beside jwks"),
        ({"profile": "fapi2"}, "needs jwks_uri"),
    ],
)
def test_l9_what_the_file_would_refuse_is_refused_by_the_key(said: dict[str, Any], problem: str) -> None:
    assert any(one.startswith(problem) for one in problems(SHOP | said)), problems(SHOP | said)


@pytest.mark.parametrize("key", FOR_THE_FILE)
def test_l9_nothing_that_reads_files_or_opens_addresses_is_said_from_afar(key: str) -> None:
    assert f"{key}: {FOR_THE_FILE[key]}" in problems(SHOP | {key: "/etc/passwd"})


def test_all_that_is_wrong_is_said_at_once_on_lines_of_their_own() -> None:
    told = problems({"name_\n": "x" * 9, "redirect_uris": [1]}) + problems(SHOP | {"providers": ["v\nk" * 999]})
    assert len(told) >= 3
    assert all(one.isprintable() and len(one) <= 301 for one in told)


def test_only_what_is_unwise_about_the_app_is_warned_of() -> None:
    at_home = config(MINIMAL.replace("https://id.example.com", "http://localhost:8080"))
    said = SHOP | {"auth_method": "private_key_jwt", "jwks_uri": JWKS, "assertion_audience": "legacy"}
    (warning,) = Rulebook(at_home).judge("other", said).warnings
    assert warning.startswith("assertion_audience: ")


def test_what_the_file_says_of_an_app_is_told_without_secrets() -> None:
    told = Rulebook(config()).tell("shop")
    assert told == {"name": "Shop", "redirect_uris": ["https://shop.example.com/cb"]}
