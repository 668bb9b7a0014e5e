"""Clients that operators keep in the database: judged by the rules of config.yaml, and built as its clients are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any, Final

from pydantic import ValidationError
from ruamel.yaml import YAML

from broker.config.check import check_clients
from broker.config.client_model import ClientSettings
from broker.config.clients import build_client_of
from broker.config.model import Config
from broker.config.report import Finding, Report
from broker.config.shape import Shape
from broker.config.show import as_written
from broker.config.source import Document, KeyPath, dotted
from broker.config.validate import explain_all
from broker.core.clients.client import Client
from broker.core.clients.kept import Judged, KeptClient
from broker.core.errors import ConfigError
from broker.core.notify import NOTIFY
from broker.core.terms import AuthMethod

_ROUTES = "decides what the broker offers at all, so it is for clients of config.yaml alone"
FOR_THE_FILE: Final[Mapping[str, str]] = {
    "secret": "is not kept: one is made here and shown once; or bring its hash, in secret_hashes",
    "logo": "is a file of the broker's machine, so it is for clients of config.yaml alone",
    "loopback_redirects": "is for the demo",
    "accept_posted": _ROUTES,
    "drf_backends": _ROUTES,
    "drf_without_nonce": _ROUTES,
    "upstream_tokens": _ROUTES,
    "mini_apps": _ROUTES,
}
"""Keys of a client that have no place outside the file, and why."""
_WITHOUT_SECRET = frozenset({AuthMethod.NONE, AuthMethod.PRIVATE_KEY_JWT})
_NOWHERE = Document("", {}, {}, {}, {}, ("",))
_STAND_IN = f"sha256:{'0' * 64}"  # for a secret that is made once everything else is right
_LONGEST = 300  # characters of one line: names of providers and keys come from whoever asks


class Rulebook:
    """The rules of a configuration, for clients that are not in its file."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._shape = Shape({})

    def is_in_file(self, client_id: str) -> bool:
        """Whether the file has a client of this name, which then is the one that counts."""
        return client_id in self._config.clients

    def judge(self, client_id: str, said: Mapping[str, Any]) -> Judged:
        """The settings once every rule lets them pass; raises ConfigError with all that is wrong, a line for each."""
        settings, report = self._read(client_id, said, kept=())
        return Judged(
            settings=as_written(settings, said.keys() - {"secret_hashes"}),
            digests=tuple([text.removeprefix("sha256:") for text in said.get("secret_hashes") or ()]),
            needs_secret=settings.auth_method not in _WITHOUT_SECRET,
            warnings=tuple(_lines([one for one in report.warnings if one.path[:1] == ("clients",)])),
        )

    def build(self, client: KeptClient) -> Client:
        """The client as services know it, without its secrets; raises ConfigError where it breaks a rule of today."""
        settings, _ = self._read(client.client_id, client.settings, kept=tuple(one.digest for one in client.secrets))
        return build_client_of(self._config, client.client_id, settings)

    def ids(self) -> frozenset[str]:
        """The names of the file's clients."""
        return frozenset(self._config.clients)

    def name(self, client_id: str) -> str | Mapping[str, str]:
        """What a client of the file is called, in one word or by language."""
        return self._config.clients[client_id].name

    def tell(self, client_id: str) -> dict[str, Any]:
        """What the file says of a client of its own, without what it leaves as it is."""
        settings = self._config.clients[client_id]
        return as_written(settings, settings.model_fields_set - {"secret", "secret_hashes"})

    def render(self, client_id: str, settings: Mapping[str, Any], notes: tuple[str, ...]) -> str:
        """A client as YAML, to be put below `clients:` of the file; each note is a comment above it."""
        out, yaml = StringIO(), YAML()
        yaml.width = 4096
        yaml.dump({client_id: dict(settings)}, out)
        return "".join([f"  {line}\n" for line in (*(f"# {note}" for note in notes), *out.getvalue().splitlines())])

    def _read(self, client_id: str, said: Mapping[str, Any], *, kept: tuple[str, ...]) -> tuple[ClientSettings, Report]:
        path, report = ("clients", client_id), Report(_NOWHERE)
        for key in said.keys() & FOR_THE_FILE.keys():
            report.problem((*path, key), FOR_THE_FILE[key])
        try:
            settings = ClientSettings.model_validate(said)
        except ValidationError as error:
            explain_all(error, path, {"clients": {client_id: said}}, self._shape, report)
            raise _refused(report) from None
        self._check(client_id, settings, report, kept=kept)
        if report.problems:
            raise _refused(report)
        return settings, report

    def _check(self, client_id: str, settings: ClientSettings, report: Report, *, kept: tuple[str, ...]) -> None:
        """As if it stood in the file. A secret that nobody has made yet breaks no rule."""
        path = ("clients", client_id)
        if settings.auth_method is AuthMethod.SECRET_JWT:
            text = "needs the secret itself, which is kept of no client here: use private_key_jwt, or config.yaml"
            report.problem((*path, "auth_method"), text)
            return
        if NOTIFY in settings.service_scopes:
            report.problem((*path, "service_scopes", settings.service_scopes.index(NOTIFY)), _ROUTES)
        if settings.auth_method not in _WITHOUT_SECRET and not settings.secret_hashes:
            hashes = tuple([f"sha256:{digest}" for digest in kept[:1]]) or (_STAND_IN,)
            settings = settings.model_copy(update={"secret_hashes": hashes})
        check_clients(self._config.model_copy(update={"clients": {client_id: settings}}), report)


def _refused(report: Report) -> ConfigError:
    return ConfigError(list(_lines(report.problems)))


def _lines(findings: list[Finding]) -> Iterator[str]:
    for text in dict.fromkeys(_line(one.path, one.text) for one in findings):
        shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
        yield shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def _line(path: KeyPath, text: str) -> str:
    """By the keys of the client itself; what is about another part is named whole."""
    where = dotted(path[2:]) if path[0] == "clients" else dotted(path)
    return f"{where}: {text}" if where else text
