"""What services answer in the tests of python-social-auth and django-allauth, given to our providers.

Nothing may be refused that they accept for a good reason. Where we differ, the row says in what and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Final

import pytest

from broker.core.errors import UpstreamError
from broker.testing.bench import Case, load_cases
from tests.interop.recorded import RELEASES, answers_of
from tests.providers.cases import FIXTURES

pytestmark = pytest.mark.anyio


@dataclass(frozen=True, slots=True)
class Row:
    """One class of their tests.

    `ours`: type and variant of a fixture of ours. `at`: which of the answers in the class, by its number there, comes
    at which path of ours, or in the ID token. `added`: what their tests leave out and the service always says. Then
    either `claims` that must come out for the person `subject`, or an empty `subject`: we refuse. `why`: what differs.
    """

    project: str
    service: str
    name: str
    ours: tuple[str, str]
    at: Mapping[str, int]
    subject: str
    claims: Mapping[str, object] = field(default_factory=dict)
    added: Mapping[str, object] = field(default_factory=dict)
    why: str = ""

    def __str__(self) -> str:
        return f"{self.project}-{self.name}"

    @property
    def case(self) -> Case:
        """Our fixture with their answers."""
        kind, variant = self.ours
        (case,) = (one for one in load_cases(kind, FIXTURES) if one.variant == variant)
        theirs = answers_of(self.project, self.service)[self.name]
        data = {**case.data, "answers": dict(case.data["answers"])}
        for path, number in self.at.items():
            if path == "id_token":
                data["id_token"] = {**data["id_token"], **theirs[number]}
            else:
                data["answers"][path] = theirs[number]
        return replace(case, data=data).with_changes(self.added)


_PROFILE_EMAIL = "the address in the public profile is one that somebody typed; ours is the primary one of /user/emails"
_NO_EVIDENCE = "nothing in the answer says that somebody checked the address"
_CLIENT = "the service names the app in every profile, and we compare it; the recorded answer was shortened"
_STATE = "the answer has the state of the attempt, which their test mints as it runs"
_TWO = (
    "somebody made `id` anonymous and not `id_str`, which they do not read and we do: numbers lose digits in JavaScript"
)

ROWS: Final = (
    Row("social", "google", "GoogleOAuth2Test", ("google", "web"), {"id_token": 1}, "101010101010101010101",
        {"name": "Foo Bar", "email": "foo@bar.com"}, why="they ask userinfo, we read the ID token: the same members"),
    Row("allauth", "vk", "VKTests", ("vk", "code"), {"/oauth2/user_info": 0, "/oauth2/auth": 1}, "1234567890",
        {"email": "ivan_i123@vk.ru", "email_verified": False, "phone_number": "+79991234567", "picture": None},
        {"answers /oauth2/auth state": "$state"}, why=f"{_STATE}; a picture that is not https is left out"),
    Row("social", "vk", "VKIDOAuth2Test", ("vk", "code"), {"/oauth2/auth": 0, "/oauth2/user_info": 1}, "1",
        {"email": "pavel@example.com", "given_name": "Павел"}, {"answers /oauth2/auth state": "$state"}, why=_STATE),
    Row("allauth", "odnoklassniki", "OdnoklassnikiTests", ("ok", "server"), {"/fb.do": 0, "/oauth/token.do": 1},
        "561999209121", {"name": "Ivan Petrov", "birthdate": "1999-09-09", "email": None}),
    Row("allauth", "yandex", "YandexTests", ("yandex", "code"), {"/info": 0, "/token": 1}, "1000034426",
        {"email": "test@yandex.ru", "email_verified": True}),
    Row("social", "yandex", "YandexOAuth2Test", ("yandex", "code"), {"/token": 0, "/info": 1}, "", why=_CLIENT),
    Row("social", "yandex", "YandexOAuth2TestEmptyEmail", ("yandex", "code"), {"/token": 0, "/info": 1}, "101010101",
        {"name": "Foo Bar", "email": None}, {"answers /info client_id": "4760187d81bc4b7799476b42b5103713"},
        why=_CLIENT),
    Row("social", "mailru", "MRGOAuth2Test", ("mailru", "code"), {"/token": 0, "/userinfo": 1}, "1734604429",
        {"email": "foobar@example.com", "birthdate": "1970-07-11"},
        {"answers /userinfo client_id": "7e5f4707292443fca607873f9f545752", "answers /userinfo id": "1734604429"},
        why=f"{_CLIENT}; and ids are decimal, where theirs is a word"),
    Row("social", "facebook", "FacebookOAuth2Test", ("facebook", "code"),
        {"/v25.0/oauth/access_token": 0, "/v25.0/me": 1}, "110011001100010",
        {"name": "Foo Bar", "email": None}, why="`verified` was about the person, and is gone since 2015"),
    Row("allauth", "facebook", "FacebookTests", ("facebook", "code"), {"/v25.0/me": 0}, "630595557",
        {"email": "raymond.penners@example.com", "email_verified": False}, why=_NO_EVIDENCE),
    Row("social", "github", "GithubOAuth2Test", ("github", "github.com"),
        {"/login/oauth/access_token": 0, "/user": 2}, "1",
        {"name": "monalisa foobar", "email": None}, {"answers /user/emails": []}, why=_PROFILE_EMAIL),
    Row("social", "github", "GithubOAuth2NoEmailTest", ("github", "github.com"), {"/user": 0}, "1", {"email": None},
        {"answers /user/emails": []}),
    Row("social", "github_enterprise", "GithubEnterpriseOAuth2Test", ("github", "enterprise server"),
        {"/login/oauth/access_token": 0, "/api/v3/user": 1}, "1", {"email": None}, {"answers /api/v3/user/emails": []},
        why=_PROFILE_EMAIL),
    Row("social", "github_enterprise", "GithubEnterpriseOAuth2NoEmailTest", ("github", "enterprise server"),
        {"/api/v3/user": 0}, "1", {"email": None}, {"answers /api/v3/user/emails": []}),
    Row("allauth", "github", "GitHubTests", ("github", "github.com"), {"/user": 0, "/user/emails": 1}, "201022",
        {"email": "octocat@github.com", "email_verified": True, "preferred_username": "pennersr"}),
    Row("social", "twitter", "TwitterOAuth1Test", ("x", "oauth1"),
        {"/oauth/access_token": 0, "/1.1/account/verify_credentials.json": 2}, "74313638", {"email": None}, why=_TWO),
    Row("social", "twitter", "TwitterOAuth1IncludeEmailTest", ("x", "oauth1"),
        {"/oauth/access_token": 0, "/1.1/account/verify_credentials.json": 2}, "74313638",
        {"email": "foo@bar.bas"}, why=_TWO),
    Row("allauth", "twitter", "TwitterTests", ("x", "oauth1"), {"/1.1/account/verify_credentials.json": 0}, "45671919",
        {"name": "Raymond Penners", "preferred_username": "pennersr"},
        {"answers /oauth/access_token user_id": "45671919"}),
    Row("social", "twitter_oauth2", "TwitterOAuth2Mixin", ("x", "oauth2"), {"/2/oauth2/token": 0, "/2/users/me": 1},
        "1234567890123456789", {"preferred_username": "twitter_username"}),
    Row("social", "twitter_oauth2", "TwitterOAuth2TestMissingOptionalValue", ("x", "oauth2"),
        {"/2/oauth2/token": 0, "/2/users/me": 1}, "1234567890123456789", {"name": "first last"}),
    Row("allauth", "twitter_oauth2", "TwitterOAuth2Tests", ("x", "oauth2"), {"/2/users/me": 0}, "1301152652357595137",
        {"preferred_username": "realllkk520", "email": None}),
    Row("allauth", "discord", "DiscordTests", ("discord", "app"), {"/api/users/@me": 0}, "80351110224678912",
        {"name": "Nelly", "preferred_username": "nelly", "email": "nelly@example.com", "email_verified": True}),
    Row("allauth", "discord", "OldDiscordTests", ("discord", "app"), {"/api/users/@me": 0}, "80351110224678912",
        {"name": "Nelly", "preferred_username": "Nelly"}, why="they show the four digits behind a name of before 2023"),
    Row("allauth", "spotify", "SpotifyOAuth2Tests", ("spotify", "extended quota"), {"/v1/me": 0}, "wizzler",
        {"name": "JM Wizzler", "email": "email@example.com", "email_verified": False}, why=_NO_EVIDENCE),
    Row("social", "spotify", "SpotifyOAuth2Test", ("spotify", "extended quota"), {"/api/token": 0, "/v1/me": 1},
        "foobar", {"name": None, "picture": None, "email": None, "profile": "https://open.spotify.com/user/foobar"}),
    Row("allauth", "slack", "SlackOAuth2Tests", ("slack", "thin ID token"), {"/api/openid.connect.userInfo": 0},
        "U0R7JM.T0R7GR",
        {"given_name": "Bront", "email": "krane@slack-corp.com", "email_verified": True, "locale": "en-US"},
        {"id_token sub": "U0R7JM"}, why="they ask userinfo alone; the workspace begins their key, and ends ours"),
    Row("social", "twitch", "TwitchOpenIdConnectTest", ("twitch", "app"),
        {"/oauth2/.well-known/openid-configuration": 1}, "713936733", {"preferred_username": "AnnLee"},
        why="their discovery document; the ID token is made as the test runs, so it is ours"),
    Row("social", "instagram", "InstagramOAuth2Test", ("instagram", "as documented"), {"/v25.0/me": 1}, "",
        why="the Basic Display API, closed in December 2024: there is no id of the professional account in it"),
    Row("allauth", "instagram", "InstagramTests", ("instagram", "as documented"), {"/v25.0/me": 0}, "",
        why="the API of 2013, closed"),
)  # fmt: skip

LEFT_OUT: Final[Mapping[str, str]] = {
    "social-GoogleOAuth1Test": "a protocol that Google closed in 2015",
    "social-GoogleOpenIdConnectTest": "its answers are made as the test runs",
    "social-VKOAuth2Test": "oauth.vk.com, a service of its own: `type: oauth2`, in the fixture of which it is",
    "social-MailruOAuth2Test": "Mail.ru before 2018: other addresses, signed calls",
    "allauth-MailRuTests": "Mail.ru before 2018: other addresses, signed calls",
    "social-LinkedinOpenIdConnectTest": "a discovery document, without a person",
    "social-BaseLinkedinTest": "LinkedIn before OpenID Connect, closed for new apps in August 2023",
    "allauth-LinkedInOAuth2Tests": "LinkedIn before OpenID Connect, closed for new apps in August 2023",
    "social-MicrosoftOAuth2Test": "Graph's profile; we read the ID token, which both leave alone",
    "allauth-MicrosoftGraphTests": "Graph's profile; we read the ID token, which both leave alone",
    "social-AzureADOAuth2Test": "a refreshed token without a person; ID tokens are made as the test runs",
    "allauth-AppleTests": "the form's name and address, which are not signed; the ID token is made as the test runs",
    "social-FacebookOAuth2AuthCancelTest": "an error, as hostile answers have it",
    "social-FacebookLimitedLoginTest": "its answers are made as the test runs",
    "allauth-GitLabTests": "the REST API's user; we read the ID token, which both leave alone",
    "social-GitLabOAuth2Test": "the REST API's user; we read the ID token, which both leave alone",
    "social-GitLabCustomDomainOAuth2Test": "the REST API's user; we read the ID token, which both leave alone",
    "social-SlackOAuth2Test": "Slack before OpenID Connect: other addresses and scopes",
    "social-SlackOAuth2TestTeamName": "Slack before OpenID Connect: other addresses and scopes",
    "social-SlackOAuth2TestUnicodeTeamName": "Slack before OpenID Connect: other addresses and scopes",
    "allauth-TwitchTests": "the API's user; we read the ID token, which allauth leaves alone",
    "social-TwitchOAuth2Test": "the API's user; we read the ID token, as their other backend does",
}
"""Classes with answers that are not given to our providers, and why."""

ALSO: Final = (
    *(("allauth", service) for service in ("apple", "google", "linkedin_oauth2", "mailru", "microsoft", "telegram")),
    *(("allauth", service) for service in ("gitlab", "twitch")),
    *(("social", service) for service in ("apple", "azuread", "linkedin", "microsoft", "odnoklassniki")),
    *(("social", service) for service in ("gitlab", "slack")),
)
"""Services of ours without a row: what their tests answer there is left out, or made as the tests run."""


@pytest.mark.parametrize("row", [row for row in ROWS if row.subject], ids=str)
async def test_who_gets_in_there_gets_in_here(row: Row) -> None:
    async with row.case.on_bench() as bench:
        identity = await bench.finish()
    assert identity.subject == row.subject
    assert {name: identity.claims.get(name) for name in row.claims} == row.claims


@pytest.mark.parametrize("row", [row for row in ROWS if not row.subject], ids=str)
async def test_who_does_not_get_in_here_is_kept_out_for_a_reason(row: Row) -> None:
    assert row.why
    async with row.case.on_bench() as bench:
        with pytest.raises(UpstreamError):
            await bench.finish()


def test_every_answer_that_they_have_is_tried_or_left_out_for_a_reason() -> None:
    services = {(row.project, row.service) for row in ROWS} | set(ALSO)
    there = {
        f"{project}-{name}" for project, one in services for name, told in answers_of(project, one).items() if told
    }
    assert there == {str(row) for row in ROWS} | LEFT_OUT.keys()


def test_the_releases_are_those_that_sign_in_at_the_emulators() -> None:
    found = {archive.name.removesuffix(".tar.gz") for archive in RELEASES.glob("*.tar.gz")}
    assert found == {f"{name.replace('-', '_')}-{version(name)}" for name in ("django-allauth", "social-auth-core")}
