"""The master key made on first start: whole or not there, ours alone, and the same for everybody who comes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from broker.app import build
from broker.cli.common import resolve
from broker.config.load import load_text
from broker.config.model import Config
from broker.core.errors import ConfigError
from broker.master import load_masters
from tests.config.minimal import MINIMAL

pytestmark = pytest.mark.anyio


@pytest.fixture
def config(tmp_path: Path) -> Config:
    text = f"{MINIMAL}storage: {{sqlite: {{path: broker.db}}}}\n"
    return load_text(text, "config.yaml", resolve, environ={}, base=tmp_path).config


def key_file(config: Config) -> Path:
    return Path(f"{config.storage.sqlite.path}.key")


def test_it_is_made_once_and_readable_by_its_owner_only(config: Config) -> None:
    first = load_masters(config)
    assert [len(key) for key in first] == [32]
    assert load_masters(config) == first
    assert key_file(config).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in key_file(config).parent.iterdir()] == ["broker.db.key"]


def test_starters_at_the_same_time_agree_on_one(config: Config) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(load_masters, [config] * 64))
    assert len(found) == 1


@pytest.mark.parametrize("damage", ["", "too short", "x" * 44])
def test_a_damaged_one_stops_the_start_and_is_not_replaced(config: Config, damage: str) -> None:
    load_masters(config)
    key_file(config).write_text(damage)
    with pytest.raises(ConfigError) as caught:
        load_masters(config)
    assert "broker.db.key" in str(caught.value)
    assert damage == "" or damage not in str(caught.value)
    assert key_file(config).read_text() == damage


def test_j3_one_that_others_can_read_stops_the_start(config: Config) -> None:
    load_masters(config)
    key_file(config).chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_masters(config)


def test_where_none_can_be_made_the_operator_is_told_what_to_set(config: Config) -> None:
    key_file(config).parent.rmdir()
    with pytest.raises(ConfigError, match=r"set keys\.master"):
        load_masters(config)


async def test_a_database_sealed_with_another_master_key_is_refused_with_the_key_named(config: Config) -> None:
    broker = await build(config)
    await broker.close()
    key_file(config).unlink()
    with pytest.raises(ConfigError, match=r"keys\.master: the signing keys .* another master key"):
        await build(config)
