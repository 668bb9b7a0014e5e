"""broker-popup.js and broker-dpop.js: small, named by what is in them, read by pages of apps, an npm package."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256, sha384
from pathlib import Path

import pytest

from broker.web.popup import BOUND, FOLDER, NEWEST, load_all, load_script
from tests.web.public_app import public_app

pytestmark = pytest.mark.anyio
HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "single-page-app.md"
RELEASED = {
    "broker-popup.232cef63c828edc8.js": "sha384-nT7EYx+c0k5tIZHF/bLnXGLdvWaCJjYu16tNuop/6kVvKdCgYGeU1aPNnajMvGnG",
    "broker-popup.958399a033cd062d.js": "sha384-5Ne6kOCyCAlRs+wi5XKzvROor7JgRN+fULHn3hat76qCh/0P/MzZceijTRdt0wQD",
    "broker-dpop.90c9bb22ec66ea4f.js": "sha384-4ezAoZ/+hV4pHOrZqActJgUSYXcjlHz/Gq2Ih5FZsa3MQUWEk0IZLYe/PWdG/xxP",
}
"""Every version that apps may name; a line is added with each, and none is taken away."""


@pytest.mark.parametrize("file", [NEWEST, BOUND])
def test_each_part_is_at_most_three_kilobytes_and_needs_nothing(file: str) -> None:
    body = load_script(FOLDER / file).body
    assert len(body) <= 3 * 1024
    assert re.findall(rb"^\s*import|\bimport\(|\beval\b|innerHTML", body, re.MULTILINE) == []
    assert max(map(len, body.decode().splitlines())) <= 130, "for people to read"


def test_every_version_that_was_released_is_there_as_it_was() -> None:
    scripts = load_all()
    assert {name: script.integrity for name, script in scripts.items()} == RELEASED
    for script in scripts.values():
        assert script.name.split(".")[0] in {"broker-popup", "broker-dpop"}
        assert script.name.split(".")[1] == sha256(script.body).hexdigest()[:16]
        assert script.integrity == f"sha384-{b64encode(sha384(script.body).digest()).decode()}"


def test_the_how_to_names_the_newest() -> None:
    text, newest = HOW_TO.read_text(encoding="utf-8"), {load_script(), load_script(FOLDER / BOUND)}
    assert set(re.findall(r"broker-\w+\.[0-9a-f]+\.js", text)) == {script.name for script in newest}
    assert set(re.findall(r"sha384-[A-Za-z0-9+/=]+", text)) == {script.integrity for script in newest}


def test_the_folder_is_a_package_with_types() -> None:
    package = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))
    exported = {name for part in package["exports"].values() for name in part.values()}
    assert all((FOLDER / name).is_file() for name in {package["main"], package["types"], *exported})
    assert {f"./{name}" for name in package["files"]} == exported, "and no older version"
    assert (package["type"], package.get("dependencies")) == ("module", None)
    promised = set(re.findall(r"^  (\w+)\(", (FOLDER / "broker-popup.d.ts").read_text(encoding="utf-8"), re.MULTILINE))
    offered = set(re.findall(r"^\t\tasync (\w+)\(", load_script().body.decode(), re.MULTILINE))
    assert promised == offered == {"signIn", "finish", "renew"}
    for name in ("broker-popup", "broker-dpop"):
        made = re.findall(r"^export function (\w+)", (FOLDER / f"{name}.js").read_text(encoding="utf-8"), re.MULTILINE)
        told = (FOLDER / f"{name}.d.ts").read_text(encoding="utf-8")
        assert re.findall(r"^export function (\w+)", told, re.MULTILINE) == made


@pytest.mark.parametrize("name", RELEASED)
async def test_it_is_served_to_every_origin_for_good(name: str) -> None:
    script = load_all()[name]
    async with public_app() as app:
        answer = await app.browser.get(f"/popup/{script.name}", headers={"origin": "https://anybody.test"})
        for other in (
            "broker-popup.js",
            "broker-popup.1.js",
            "broker-popup.0000000000000000.js",
            "package.json",
            "__init__.py",
        ):
            assert (await app.browser.get(f"/popup/{other}")).status_code == 404
    assert (answer.status_code, answer.content) == (200, script.body)
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "set-cookie" not in answer.headers
