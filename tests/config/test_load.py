"""From text to Config: every problem at once, with its place, in plain words and without secrets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from broker.core.terms import Scope
from tests.config.minimal import MINIMAL, SECRET, SHA, Read

Problems = Callable[..., list[str]]


def with_client(lines: str) -> str:
    """MINIMAL with further lines in its client."""
    return MINIMAL + "".join(f"    {line}\n" for line in lines.splitlines())


def test_a_minimal_file_is_enough(read: Read) -> None:
    config = read(MINIMAL).config
    assert config.clients["shop"].redirect_uris == ("https://shop.example.com/cb",)
    assert config.providers["google"].client_secret.get_secret_value() == SECRET


def test_an_unknown_key_is_named_with_its_place_and_the_likely_one(problems: Problems) -> None:
    text = MINIMAL.replace("client_secret:", "client_secrt:")
    assert "config.yaml:7:5: providers.google.client_secrt: unknown key (did you mean client_secret?)" in problems(text)


def test_all_problems_come_at_once_in_the_order_of_the_file(problems: Problems) -> None:
    text = MINIMAL.replace("https://id.example.com", "https://id.example.com/").replace("type: google", "type: goggle")
    text = text.replace("name: Shop", "nam: Shop") + "sesion: {}\ntokens: {code_ttl: 60}\n"
    assert problems(text) == [
        "config.yaml:2:9: issuer: write the issuer without a slash at its end: it is compared letter by letter",
        "config.yaml:5:11: providers.google.type: there is no provider type goggle",
        "config.yaml:10:5: clients.shop.nam: unknown key (did you mean name?)",
        "config.yaml:13:1: sesion: unknown key (did you mean session?)",
        "config.yaml:14:20: tokens.code_ttl: write a duration with its unit: 90s, 15m, 12h or 30d",
    ]


def test_a_broken_part_does_not_hide_what_is_wrong_between_the_others(problems: Problems) -> None:
    found = problems(MINIMAL + "tokens: {code_ttl: 1}\nlogin: {order: [gogle]}\n")
    assert any("tokens.code_ttl" in line for line in found)
    assert any("there is no provider gogle (did you mean google?)" in line for line in found)


def test_a_duplicate_names_both_places(problems: Problems) -> None:
    assert problems(MINIMAL + "issuer: https://x.example\n") == [
        "config.yaml:13:1: issuer: is given twice, first in line 2, column 1"
    ]


def test_the_schema_says_what_is_a_number_not_yaml(read: Read, problems: Problems) -> None:
    loaded = read(MINIMAL.replace('"123"', "0123").replace("type: google", 'type: google\n    retries: "7"'))
    assert loaded.config.providers["google"].client_id == "0123"
    assert loaded.config.providers["google"].retries == 7
    assert "should be a whole number" in problems(MINIMAL.replace("type: google", "type: google\n    retries: x"))[0]


def test_substitution_happens_after_parsing_so_a_value_never_becomes_structure(read: Read) -> None:
    loaded = read(MINIMAL.replace("name: Shop", "name: ${TITLE}"), {"TITLE": "a: {b}, first_party: true"})
    assert loaded.config.clients["shop"].name == "a: {b}, first_party: true"
    assert not loaded.config.clients["shop"].first_party


def test_a_secret_that_slipped_into_the_type_is_not_repeated(problems: Problems) -> None:
    (found,) = problems(MINIMAL.replace("type: google", f"type: ~ {SECRET}"))
    assert "providers.google.type: a type is one word in lower case" in found
    assert SECRET not in found


def test_no_message_repeats_a_secret(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("refuse-file-canary")
    (tmp_path / "s").chmod(0o600)
    for value, environ in (
        ("refuse-literal-canary", {}),
        ("${SECRET}", {"SECRET": "refuse-env-canary"}),
        ("${file:s}", {}),
        ("[canary]", {}),
        ("{canary: canary}", {}),
    ):
        found = "\n".join(problems(MINIMAL.replace(SECRET, value), environ))
        assert found
        assert "canary" not in found


def test_empty_secrets_are_refused(problems: Problems) -> None:
    for value in ('""', "", "${S}"):
        assert len(problems(MINIMAL.replace(SECRET, value), {"S": ""})) == 1


@pytest.mark.parametrize(
    "value", ["changeme", "secret", "xxxxxxxxxxxxxxxx", "your-client-secret", "<secret>", "123456789012"]
)
def test_j3_a_placeholder_is_no_secret(problems: Problems, value: str) -> None:
    assert "placeholder" in problems(MINIMAL.replace(SECRET, value))[0]
    assert "placeholder" in problems(MINIMAL.replace(f"secret_hashes: [sha256:{SHA}]", f"secret: {value}"))[0]


def test_j3_a_short_secret_is_refused(problems: Problems) -> None:
    text = MINIMAL.replace(f"secret_hashes: [sha256:{SHA}]", "secret: ")
    assert "too short" in problems(text.replace("secret: \n", f"secret: {SECRET[:8]}\n"))[0]
    assert "too short" in problems(text.replace("secret: \n", f"secret: {SECRET[:31]}\n"))[0]
    assert problems(text.replace("secret: \n", f"secret: {SECRET}\n")) == []
    assert "too short" in problems(MINIMAL.replace(SECRET, SECRET[:8]))[0]


def test_j3_a_secret_file_that_everybody_reads_is_refused(problems: Problems, tmp_path: Path) -> None:
    file = tmp_path / "google"
    file.write_text(f"{SECRET}\n")
    text = MINIMAL.replace(SECRET, "${file:google}")
    file.chmod(0o644)
    assert problems(text) == [
        "config.yaml:7:20: providers.google.client_secret: every user of this machine can read google: "
        "chmod 0400 it (Kubernetes: defaultMode: 0400)"
    ]
    file.chmod(0o400)
    assert problems(text) == []


def test_a_readable_file_is_fine_where_nothing_is_secret(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "name").write_text("Shop")
    (tmp_path / "name").chmod(0o644)
    assert problems(MINIMAL.replace("name: Shop", "name: ${file:name}")) == []


def test_j3_an_exposed_master_key_file_is_refused_as_text_and_as_list(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "master").write_text("3q2+7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs=")
    (tmp_path / "master").chmod(0o604)
    for value in ("${file:master}", "['${file:master}']"):
        assert "every user of this machine" in problems(MINIMAL + f"keys:\n  master: {value}\n")[0]


def test_j3_a_demo_secret_is_for_emulated_upstreams_only(problems: Problems) -> None:
    text = MINIMAL.replace(SECRET, "demo-google-secret-not-for-production")
    assert "secret of the demo" in problems(text)[0]
    local = text.replace("https://id.example.com", "http://id.localhost:8400")
    assert problems(local + "network: {upstreams: emulated}\n") == []


def test_a_secret_in_the_file_is_a_warning(read: Read) -> None:
    assert read(MINIMAL).warnings == (
        "config.yaml:7:20: providers.google.client_secret: a secret stands in the file itself: "
        "use ${env:NAME}, ${file:/path} or ${credential:name}",
    )
    assert read(MINIMAL.replace(SECRET, "${S}"), {"S": SECRET}).warnings == ()


@pytest.mark.parametrize(
    "issuer",
    [
        "https://id.example.com/",
        "https://id.example.com?x=1",
        "https://id.example.com#x",
        "http://id.example.com",
        "https://ID.example.com",
        "https://user@id.example.com",
        "https://id.example.com:443",
        "https://id.example.com/a/../b",
        "https://id.example.com//a",
        "https://id.example.com:99999",
        "https://[::1",
        "https:///a",
        "ftp://id.example.com",
        "id.example.com",
        "https://идентификация.рф",
        "https://id.example.com/%41",
        "https://id.example.com\\a",
    ],
)
def test_an_issuer_has_one_spelling(problems: Problems, issuer: str) -> None:
    assert [line for line in problems(MINIMAL.replace("https://id.example.com", f"'{issuer}'")) if ": issuer: " in line]


@pytest.mark.parametrize(
    "issuer", ["https://id.example.com:8443/id", "http://id.localhost:9000", "http://127.0.0.1:1", "http://[::1]:9000"]
)
def test_a_good_issuer_is_taken(problems: Problems, issuer: str) -> None:
    assert problems(MINIMAL.replace("https://id.example.com", f"'{issuer}'")) == []


def test_an_app_that_sends_people_to_add_a_way_in_says_where_they_come_back_to(problems: Problems) -> None:
    text = with_client("grants: [client_credentials]\naccount_linking: true")
    bare = "".join(line for line in text.splitlines(keepends=True) if "redirect_uris" not in line)
    assert any("clients.shop.account_linking: needs redirect_uris" in line for line in problems(bare))
    assert bare != text


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("providers: [gogle]", "clients.shop.providers[0]: there is no provider gogle (did you mean google?)"),
        ("providers: [google, google]", "clients.shop.providers[1]: names google twice"),
        ("auth_method: none", "clients.shop.secret_hashes: a public client (auth_method: none) has no secret"),
        ("origins: [https://a.example]", "only a public client calls from a browser"),
        ("auth_method: none\nlookup_identities: true", "lookup_identities: needs a secret"),
        ("email_fallback: x@example.com", "clients.shop.email_fallback: write one {sub}"),
        ("email_fallback: '{sub}@'", "clients.shop.email_fallback: write one {sub}"),
        ("initiate_login_uri: http://shop.example.com/login", "clients.shop.initiate_login_uri: needs https"),
        (
            "post_logout_redirect_uris: ['javascript:alert(1)']",
            "post_logout_redirect_uris[0]: needs https",
        ),
        ("backchannel_logout_uri: 'com.example.shop:/out'", "clients.shop.backchannel_logout_uri: needs https"),
        (
            "frontchannel_logout_uri: https://other.example.com/out",
            "frontchannel_logout_uri: needs scheme",
        ),
        ("sector: example.com", "clients.shop.sector: needs subject_type: pairwise"),
        ("backchannel_logout_session_required: true", "backchannel_logout_uri, which is not set"),
        ("home_uri: 'javascript:alert(1)'", "clients.shop.home_uri: write a complete URL"),
        ("scopes: [profile]", "openid is missing"),
        ("scopes: [openid, everything]", "clients.shop.scopes[1]: should be 'openid'"),
        ("required_scopes: [email, phone]", "clients.shop.required_scopes[1]: is not among scopes"),
        ("grants: [refresh_token]", "without authorization_code"),
        ("grants: [authorization_code, password]", "clients.shop.grants[1]: should be 'authorization_code'"),
        ("service_scopes: ['orders:read']", "clients.shop.service_scopes: needs client_credentials"),
        ("id_token_alg: HS256", "clients.shop.id_token_alg: should be 'RS256'"),
        ("languages: [de]", "clients.shop.languages[0]: should be 'ru' or 'en'"),
        ("logo: absent.svg", "clients.shop.logo: there is no such file"),
        ("redirect_uri: https://a.example", "unknown key (did you mean redirect_uris?)"),
    ],
)
def test_a_client_that_could_not_work_or_not_safely_is_refused(problems: Problems, lines: str, problem: str) -> None:
    assert problem in "\n".join(problems(with_client(lines)))


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("auth_method: none", "clients.robot.grants: client_credentials needs a secret"),
        *((f"service_scopes: [{scope}]", "clients.robot.service_scopes[0]: is about people") for scope in Scope),
        ("service_scopes: ['a b']", "clients.robot.service_scopes[0]: a scope is"),
        ("service_scopes: ['a\"b']", "clients.robot.service_scopes[0]: a scope is"),
        ("service_scopes: [x, x]", "clients.robot.service_scopes: names a scope twice"),
    ],
)
def test_f29_a_client_speaks_for_itself_with_a_secret_and_with_scopes_of_its_own(
    problems: Problems, lines: str, problem: str
) -> None:
    robot = f"  robot:\n    name: Robot\n    secret_hashes: [sha256:{SHA}]\n    grants: [client_credentials]\n"
    assert problems(f"{MINIMAL}{robot}    service_scopes: ['orders:read', reports]\n") == []
    assert problems(f"{MINIMAL}{robot}") == [], "nobody logs in there, so it needs no redirect URI"
    assert problem in "\n".join(problems(f"{MINIMAL}{robot}    {lines}\n"))


@pytest.mark.parametrize(
    "uri", ["javascript:alert(1)", "http://shop.example.com/cb", "https://a.example/#x", "myapp:/x", "data:x"]
)
def test_a3_a_dangerous_redirect_uri_cannot_be_registered(problems: Problems, uri: str) -> None:
    found = problems(MINIMAL.replace("https://shop.example.com/cb", f'"{uri}"'))
    assert found[0].startswith("config.yaml:11:21: clients.shop.redirect_uris[0]: ")


@pytest.mark.parametrize("uris", ["", "    redirect_uris: []\n"])
def test_where_people_log_in_they_must_come_back_to_somewhere(problems: Problems, uris: str) -> None:
    text = MINIMAL.replace("    redirect_uris: [https://shop.example.com/cb]\n", uris)
    assert "clients.shop.redirect_uris: is required: without it nobody could log in" in problems(text)[0]


def test_pairwise_subjects_of_several_hosts_need_a_sector_that_is_named(problems: Problems) -> None:
    two = MINIMAL.replace("/cb]", "/cb, https://other.example/cb]") + "    subject_type: pairwise\n"
    assert "clients.shop.sector: is required" in problems(two)[0]
    assert problems(two + "    sector: example.com\n") == []


def test_a_client_without_a_secret_must_say_that_it_is_public(problems: Problems) -> None:
    text = MINIMAL.replace(f"    secret_hashes: [sha256:{SHA}]\n", "")
    assert "needs secret_hashes" in problems(text)[0]
    assert problems(text + "    auth_method: none\n") == []
    assert "always uses PKCE" in problems(text + "    auth_method: none\n    pkce: optional\n")[0]


def test_m6_a_secret_in_a_package_is_no_reason_to_leave_out_pkce(problems: Problems) -> None:
    text = MINIMAL.replace("/cb]", "/cb, com.example.shop:/cb]") + "    pkce: "
    assert [problems(f"{text}{word}\n") for word in ("required", "auto")] == [[], []]
    assert "an app with a scheme of its own always uses PKCE" in problems(f"{text}optional\n")[0]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("storage: {transient: redis}", "storage.redis: is required"),
        ("server: {listen: '0.0.0.0'}", "server.listen: write host:port"),
        ("server: {listen: '1.2.3.4:70000'}", "server.listen: write host:port"),
        ("server: {management: '127.0.0.1:8080'}", "metrics would be public"),
        ("server: {admin_api: true, management: null}", "server.admin_api: needs server.management"),
        ("server: {admin_hosts: ['http://admin.test']}", "server.admin_hosts[0]: write a host"),
        ("server: {admin_hosts: [Admin.test]}", "server.admin_hosts[0]: write a host"),
        ("server: {trusted_proxies: [all]}", "server.trusted_proxies[0]: write a network"),
        ("server: {tls: {cert: a.pem, key: b.pem}}", "server.tls.cert: there is no such file"),
        ("session: {idle_ttl: 60d}", "session.idle_ttl: is longer than session.absolute_ttl"),
        ("tokens: {code_ttl: 11m}", "tokens.code_ttl: should be less than or equal to 600"),
        ("tokens: {code_ttl: 0s}", "tokens.code_ttl: should be greater than or equal to 1"),
        ("keys: {algorithms: [ES256]}", "RS256 is not among keys.algorithms"),
        ("keys: {algorithms: [PS256]}", "RS256 is not among keys.algorithms"),
        ("keys: {master: c2hvcnQ=}", "a master key is 32 random bytes"),
        ("keys: {keep_after: 1m}", "keys.keep_after: is shorter than a token lives"),
        ("ui: {accent: '#2563eb}body{'}", "ui.accent: write a colour as"),
        ("ui: {languages: [en], default_language: ru}", "ui.default_language: is not among"),
        ("ui: {templates: absent}", "ui.templates: there is no such directory"),
        ("ui: {links: {privacy: 'javascript:x'}}", "ui.links.privacy: write a complete URL"),
        ("limits: {token: 0/min}", "limits.token: write a rate"),
        ("network: {upstreams: emulated}", "emulated upstreams let anybody be anybody"),
        ("logging: {audit: absent/audit.jsonl}", "logging.audit: there is no such directory"),
        ("logging:", "logging: has no value"),
        ("storage: []", "storage: should be a mapping"),
    ],
)
def test_a_server_that_could_not_work_or_not_safely_is_refused(problems: Problems, lines: str, problem: str) -> None:
    assert problem in "\n".join(problems(MINIMAL + lines + "\n"))


def test_names_that_stand_in_urls_are_plain(problems: Problems) -> None:
    assert "up to 32 of a-z" in problems(MINIMAL.replace("  google:", "  Google/x:"))[0]
    assert "is its client_id" in problems(MINIMAL.replace("  shop:", "  my shop:"))[0]


def test_somebody_must_be_able_to_log_in(problems: Problems) -> None:
    assert "switched off" in problems(MINIMAL.replace("type: google", "type: google\n    enabled: false"))[0]


def test_relative_paths_begin_at_the_file(read: Read, tmp_path: Path) -> None:
    (tmp_path / "logo.svg").write_text("<svg/>")
    config = read(MINIMAL + "ui: {logo: logo.svg}\n").config
    assert config.ui.logo == str(tmp_path / "logo.svg")
    assert config.storage.sqlite.path == str(tmp_path / "broker.db")
    assert read(MINIMAL + "storage: {sqlite: {path: ':memory:'}}\n").config.storage.sqlite.path == ":memory:"


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("server: {listen: 'unix:/x', tls: {cert: a, key: b}}", "server.tls: a unix socket does not speak TLS"),
        ("limits: {request_body: 64}", "limits.request_body: write a size with its unit"),
        ("ui: {product_name: {}}", "ui.product_name: write at least one language"),
        ("ui: {product_name: {en: ''}}", "ui.product_name: write text of 1 to 200 characters"),
        ('ui: {product_name: "Shop\\u202emoc"}', "ui.product_name: write text without control characters"),
        ("ui: {links: {support: 'mailto:'}}", "ui.links.support: write mailto:help@example.com"),
        ("session: {absolute_ttl: 5}", "session.absolute_ttl: write a duration"),
    ],
)
def test_more_that_could_not_work_is_refused(problems: Problems, lines: str, problem: str) -> None:
    assert problem in "\n".join(problems(MINIMAL + lines + "\n"))


@pytest.mark.parametrize("origin", ["https://a.example/", "https://a.example/x", "https://A.example", "null", "*"])
def test_an_origin_is_written_as_browsers_write_it(problems: Problems, origin: str) -> None:
    text = MINIMAL.replace(f"secret_hashes: [sha256:{SHA}]", f"auth_method: none\n    origins: ['{origin}']")
    assert "clients.shop.origins[0]: " in problems(text)[0]
    assert problems(text.replace(origin, "https://a.example:8443")) == []


def test_three_live_secrets_are_one_too_many(problems: Problems) -> None:
    two = f"secret_hashes: [sha256:{SHA}, sha256:{'b' * 64}]"
    text = MINIMAL.replace(f"secret_hashes: [sha256:{SHA}]", two)
    assert problems(text) == []
    assert "at most two secrets" in problems(text + f"    secret: {SECRET}\n")[0]


def test_offline_access_needs_the_grant_that_uses_it(problems: Problems) -> None:
    text = with_client("scopes: [openid, offline_access]\ngrants: [authorization_code]")
    assert "offline_access needs refresh_token" in problems(text)[0]


def test_a_client_whose_only_provider_is_off_is_refused(problems: Problems) -> None:
    off = MINIMAL.replace(
        "  google:\n", f"  vk: {{type: vk, client_id: x, client_secret: {SECRET}, enabled: false}}\n  google:\n"
    )
    assert problems(off) == []
    assert "every provider of this client is switched off" in problems(off + "    providers: [vk]\n")[0]


@pytest.mark.parametrize(("before", "warned"), [("899s", True), ("15m", False), ("2d", False)])
def test_j5_a_key_that_is_used_before_caches_know_it_is_a_warning(read: Read, before: str, warned: bool) -> None:
    found = read(MINIMAL.replace(SECRET, "${S}") + f"keys: {{publish_before: {before}}}\n", {"S": SECRET}).warnings
    assert [("keys.publish_before" in line) for line in found] == [True] * warned


def test_redis_that_is_not_used_is_a_warning(read: Read) -> None:
    found = read(MINIMAL + "storage: {redis: {url: 'redis://h'}}\n").warnings
    assert any("storage.redis: is not used" in line for line in found)
