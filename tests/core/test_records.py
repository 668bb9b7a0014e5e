"""What is kept reads back as it was, and never as something else."""

from __future__ import annotations

from collections import ChainMap
from importlib import import_module
from inspect import get_annotations
from pkgutil import walk_packages
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker import core
from broker.core.authorize.pushed import PushedRequest
from broker.core.clients.kept import KeptSecret
from broker.core.errors import SealBroken
from broker.core.notify import Button
from broker.core.people.history import Happened
from broker.core.records import (
    AccessToken,
    Account,
    AuthorizationRequest,
    Authorize,
    CodeRecord,
    Device,
    HeldIdentity,
    Link,
    LinkReturn,
    Login,
    Record,
    Value,
)
from broker.core.webhooks import Told

CORE = [import_module(module.name) for module in walk_packages(core.__path__, "broker.core.")]
KINDS = tuple(
    kind
    for module in CORE
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Record) and kind is not Record and kind.__module__ == module.__name__
)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
INTEGER = st.integers(-(2**53), 2**53)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "str": TEXT,
    "int": INTEGER,
    "float": st.floats(0, 2**53),
    "int | None": st.none() | INTEGER,
    "bool": st.booleans(),
    "tuple[str, ...]": st.lists(TEXT, max_size=4).map(tuple),
    "Mapping[str, str]": st.dictionaries(TEXT, TEXT, max_size=3),
    "Mapping[str, Any]": st.dictionaries(TEXT, st.none() | st.booleans() | TEXT | st.lists(TEXT), max_size=3),
}


V = TypeVar("V", bound=Value)


def anything_of(kind: type[V]) -> st.SearchStrategy[V]:
    """Values of one class with any fields of the declared types."""
    types = ChainMap(*[get_annotations(base) for base in kind.__mro__])
    return st.builds(kind, **{name: VALUES[types[name]] for name in kind.__struct_fields__})


NESTED = {"request", "login", "purpose", "held", "then", "back", "resumes", "code"}
VALUES["Happened"] = st.sampled_from(Happened)
VALUES["Told"] = st.sampled_from(Told)
VALUES["tuple[KeptSecret, ...]"] = st.lists(anything_of(KeptSecret), max_size=2).map(tuple)
for nested in (AuthorizationRequest, Login, HeldIdentity, LinkReturn, CodeRecord):
    VALUES[nested.__name__] = anything_of(nested)
    VALUES[f"{nested.__name__} | None"] = st.none() | VALUES[nested.__name__]
VALUES["tuple[Button, ...]"] = st.lists(anything_of(Button), max_size=2).map(tuple)
VALUES["ForClient"] = st.one_of([anything_of(purpose) for purpose in (Authorize, Device)])
VALUES["ForClient | None"] = st.none() | VALUES["ForClient"]
VALUES["Purpose"] = st.one_of([VALUES["ForClient"], *(anything_of(purpose) for purpose in (Link, Account))])
SAMPLES = {kind: anything_of(kind) for kind in KINDS}


@given(st.one_of([anything_of(kind) for kind in KINDS]))
def test_every_record_reads_back_as_it_was(record: Record) -> None:
    assert type(record).from_bytes(record.to_bytes()) == record


@given(st.one_of([anything_of(kind) for kind in KINDS]), st.sampled_from(KINDS))
def test_b8_one_kind_never_reads_as_another(record: Record, other: type[Record]) -> None:
    if other is not type(record):
        with pytest.raises(SealBroken):
            other.from_bytes(record.to_bytes())


def test_b8_every_kind_has_a_name_of_its_own() -> None:
    assert len({kind.kind() for kind in KINDS}) == len(KINDS) >= 10


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"access"',
        b"{}",
        b'{"k":null}',
        b'{"k":"access"}',
        b'{"k":"code","grant_id":"g","client_id":"c","scope":[],"expires_at":1}',
        b'{"grant_id":"g","client_id":"c","scope":[],"expires_at":1}',
        b'{"k":"access","grant_id":"g","client_id":"c","scope":[],"expires_at":"1"}',
        b'{"k":"access","grant_id":"g","client_id":"c","scope":[],"expires_at":1.5}',
        b'{"k":"access","grant_id":null,"client_id":"c","scope":[],"expires_at":1}',
        b'{"k":"access","grant_id":"g","client_id":"c","scope":[1],"expires_at":1}',
        b'{"k":"access","grant_id":"g","client_id":"c","scope":"s","expires_at":1}',
        b'{"k":"access","grant_id":"g","client_id":"c","scope":[],"expires_at":1}{}',
        b'{"k":"access","grant_id":"g","client_id":"c","scope":[]}',
        b"\xff",
    ],
)
def test_b8_bytes_of_another_shape_are_refused(raw: bytes) -> None:
    with pytest.raises(SealBroken):
        AccessToken.from_bytes(raw)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_record_of_a_newer_version_is_read_without_what_is_new_in_it(kind: type[Record], data: st.DataObject) -> None:
    record = data.draw(SAMPLES[kind])
    fields = msgspec.json.decode(record.to_bytes())
    for place in (fields, *(fields[name] for name in NESTED & set(fields))):
        place["new in this"] = {"of": ["any", "shape"]}
    assert kind.from_bytes(msgspec.json.encode(fields)) == record


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_record_of_an_older_version_takes_the_defaults_of_what_it_lacks(
    kind: type[Record], data: st.DataObject
) -> None:
    record = data.draw(SAMPLES[kind])
    fields = msgspec.json.decode(record.to_bytes())
    defaults = {
        field.name: {} if field.default is msgspec.NODEFAULT else field.default
        for field in msgspec.structs.fields(kind)
        if not field.required
    }
    for name, default in defaults.items():
        raw = msgspec.json.encode({key: value for key, value in fields.items() if key != name})
        assert kind.from_bytes(raw) == record.replace(**{name: default})


def test_what_is_left_out_of_a_request_takes_its_default() -> None:
    raw = b'{"k":"pushed","request":{"client_id":"a","redirect_uri":"b","scope":["openid"]}}'
    request = PushedRequest.from_bytes(raw).request
    assert (request.scope, request.prompt, request.max_age, request.claims) == (("openid",), (), None, {})
    assert PushedRequest(request).to_bytes() == raw, "defaults are not written"
