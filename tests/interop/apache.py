"""Apache with mod_auth_openidc in front of an app that knows nothing of OpenID Connect."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

import orjson
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from broker.demo.headless import ClientData
from tests.interop.documented import documented
from tests.interop.world import free_ports

_MODULES: Final = Path("/usr/lib/apache2/modules")
_NEEDED: Final = ("mpm_event", "authn_core", "authz_core", "authz_user", "proxy", "proxy_http", "auth_openidc")
_SERVER: Final = """
ServerRoot "{folder}"
DefaultRuntimeDir "{folder}"
PidFile "{folder}/pid"
ErrorLog "{folder}/error.log"
LogLevel warn
ServerName 127.0.0.1
StartServers 1
ServerLimit 1
ThreadsPerChild 16
MaxRequestWorkers 16
"""
_SITE: Final = """
Listen 127.0.0.1:{port}
<VirtualHost 127.0.0.1:{port}>
{documented}
  OIDCProviderTokenEndpointAuth {site.client.auth_method}
  OIDCAuthNHeader X-Remote-User
  {site.more}
  ProxyPass /private/oidc !
  ProxyPass /private http://127.0.0.1:{app}/private
</VirtualHost>
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A protected site of one client; `more` are further directives, `port` is 0 for any."""

    client: ClientData
    more: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True)
class Apache:
    """`sites` are the addresses by the names the sites were given under."""

    sites: Mapping[str, str]
    folder: Path

    @property
    def errors(self) -> str:
        """What Apache wrote into its log."""
        return (self.folder / "error.log").read_text(encoding="utf-8")


async def app_behind(request: Request) -> Response:
    """The app: it tells which headers it got. Header values are bytes; ours are UTF-8."""
    headers = {name.decode(): value.decode("utf-8") for name, value in request.scope["headers"]}
    return JSONResponse(headers)


@contextlib.contextmanager
def apache(issuer: str, app: int, sites: Mapping[str, Site]) -> Iterator[Apache]:
    """Apache with a configuration of its own on free ports; `app` is the port of what it protects."""
    program = shutil.which("apache2", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None or not (_MODULES / "mod_auth_openidc.so").exists():
        pytest.fail("missing: apt-get install apache2 libapache2-mod-auth-openidc", pytrace=False)
    # Not pytest's tmp_path, which is closed to the user that Apache becomes.
    with tempfile.TemporaryDirectory(prefix="apache-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        ports = free_ports(sites) | {given: site.port for given, site in sites.items() if site.port}
        text = [f'LoadModule {module}_module "{_MODULES}/mod_{module}.so"' for module in _NEEDED]
        text += [_SERVER.format(folder=folder), "User nobody\nGroup nogroup" if os.geteuid() == 0 else ""]
        for given, site in sites.items():
            documented = _documented(issuer, f"http://127.0.0.1:{ports[given]}", site.client)
            text.append(_SITE.format(documented=documented, site=site, port=ports[given], app=app))
        (folder / "apache.conf").write_text("\n".join(text), encoding="utf-8")
        command = [program, "-f", str(folder / "apache.conf"), "-D", "FOREGROUND"]
        with (folder / "out").open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
            try:
                _wait(process, next(iter(ports.values())), folder)
                yield Apache({given: f"http://127.0.0.1:{port}" for given, port in ports.items()}, folder)
            finally:
                process.terminate()
                process.wait(timeout=60)


def learnt(text: str) -> dict[str, str]:
    """The headers that `app_behind` told."""
    found: dict[str, str] = orjson.loads(text)
    return found


def _documented(issuer: str, url: str, client: ClientData) -> str:
    """The configuration that our documentation tells people to copy, filled in as they do."""
    own = {
        "https://id.example.com": issuer,
        "https://shop.example.com": url,
        "shop-web": client.client_id,
        "exec:/usr/local/bin/print-secret": client.client_secret.replace('"', '\\"'),
        "exec:/usr/local/bin/print-passphrase": "a passphrase of this test",
    }
    return documented("### Apache, mod_auth_openidc", own=own)


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = monotonic() + 90
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if monotonic() > deadline or process.poll() is not None:
            said = [(folder / name).read_text() for name in ("out", "error.log") if (folder / name).exists()]
            pytest.fail(f"apache2 does not start: {said}")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
