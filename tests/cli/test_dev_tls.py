"""The development authority: made once, renewed in time, private."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.cli.common import resolve
from broker.cli.dev_tls import make_certificate
from broker.config.load import load_text
from broker.config.model import Config
from broker.core.errors import ConfigError
from tests.cli.conftest import LIVE


def configured(tmp_path: Path, issuer: str = "https://id.localhost:8443") -> Config:
    text = LIVE.format(issuer=issuer, listen="127.0.0.1:8443", management=9400)
    return load_text(text, "config.yaml", resolve, environ={}, base=tmp_path).config


def test_the_files_are_private_and_the_chain_loads(tmp_path: Path) -> None:
    made = make_certificate(configured(tmp_path))
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(made.certificate, made.key)
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert stat.S_IMODE((made.key.parent / "authority.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(made.key.parent.stat().st_mode) == 0o700
    assert str(made.authority) in made.how_to_trust


def test_it_is_made_once_and_renewed_under_the_same_authority(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    first = make_certificate(configured(tmp_path), now=now)
    leaf, authority = first.certificate.read_bytes(), first.authority.read_bytes()
    assert make_certificate(configured(tmp_path), now=now + timedelta(days=1)).certificate.read_bytes() == leaf
    later = make_certificate(configured(tmp_path), now=now + timedelta(days=380))
    assert later.certificate.read_bytes() != leaf
    assert later.authority.read_bytes() == authority


def test_another_host_gets_another_certificate(tmp_path: Path) -> None:
    leaf = make_certificate(configured(tmp_path)).certificate.read_bytes()
    other = make_certificate(configured(tmp_path, "https://login.localhost:8443"))
    assert other.certificate.read_bytes() != leaf


def test_an_old_authority_is_replaced(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    authority = make_certificate(configured(tmp_path), now=now).authority.read_bytes()
    later = make_certificate(configured(tmp_path), now=now + timedelta(days=3400))
    assert later.authority.read_bytes() != authority


def test_a_plain_http_issuer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="begins with https"):
        make_certificate(configured(tmp_path, "http://id.localhost:8443"))
