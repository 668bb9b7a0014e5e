"""A description of an OAuth 2.0 service in config.yaml: what is wrong with it is said with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.cli.common import resolve
from broker.config.load import Loaded, load_text
from broker.core.errors import ConfigError
from tests.config.minimal import MINIMAL, SECRET

DESCRIBED = """
  example:
    type: oauth2
    client_id: app-1
    client_secret: ${S}
    authorize: { url: https://oauth.example.com/authorize }
    token: { url: https://oauth.example.com/token }
    userinfo:
      - url: https://oauth.example.com/me
    claims:
      sub: me.id
      name: me.name
"""


def read(change: tuple[str, str], tmp_path: Path) -> Loaded:
    text = MINIMAL.replace("providers:\n", f"providers:{DESCRIBED.replace(*change)}", 1)
    return load_text(text, "config.yaml", resolve, environ={"S": SECRET}, base=tmp_path)


def test_five_keys_are_enough(tmp_path: Path) -> None:
    loaded = read(("", ""), tmp_path)
    assert loaded.config.providers["example"].issuer == "https://oauth.example.com"
    assert [line for line in loaded.warnings if "example" in line] == []


@pytest.mark.parametrize(
    ("change", "key", "said"),
    [
        (("me.name", "me.name["), "claims.name", "look at character 9"),
        (("me.name", "sort(me.names)"), "claims.name", "no such function"),
        (("sub: me.id", "sub: me.email"), "claims", "email can change"),
        (("/me", "/{token.host}/{"), "userinfo[0].url", "a placeholder is"),
        (("userinfo:", "user_info:"), "user_info", "did you mean userinfo?"),
        (("- url: https://oauth.example.com/me", "- address: x"), "userinfo[0].address", "unknown key"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(change: tuple[str, str], key: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(change, tmp_path)
    (line,) = [one for one in caught.value.problems if f"providers.example.{key}: " in one]
    file, row, column, _ = line.split(":", 3)
    assert (file, row.isdigit(), column.isdigit()) == ("config.yaml", True, True)
    assert said in line


def test_c18_every_start_warns_of_addresses_that_are_believed_unseen(tmp_path: Path) -> None:
    told = read(("      name: me.name\n", "      name: me.name\n    email: { trust: always }\n"), tmp_path)
    assert [line for line in told.warnings if "providers.example.email.trust" in line]
    off = "      name: me.name\n    email: { trust: always }\n    enabled: false\n"
    assert not [line for line in read(("      name: me.name\n", off), tmp_path).warnings if "email.trust" in line]
