"""`broker serve` as operators meet it: a process, signals, sockets, exit codes."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.cli.healthcheck import ask
from tests.cli.conftest import Served, with_wait
from tests.ports import free_port

Serve = Callable[..., Served]
BACK = b"https%3A%2F%2Fshop.example.com%2Fcb"
FORM = b"grant_type=authorization_code&code=x&redirect_uri=%s&client_id=shop&code_verifier=%s" % (BACK, b"v" * 43)


def post(one: Served) -> bytes:
    """The head of a token request whose body comes later."""
    host = one.issuer.removeprefix("http://").encode()
    kind = b"application/x-www-form-urlencoded"
    return b"POST /token HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (
        host,
        kind,
        len(FORM),
    )


def receive(connection: socket.socket) -> bytes:
    """Everything until the other side closes; then this side does."""
    parts = []
    with connection:
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def test_it_serves_is_healthy_and_ends_with_zero(served: Serve) -> None:
    one = served().start()
    assert one.broker("healthcheck").returncode == 0
    assert ask(f"127.0.0.1:{one.management}", "/livez") == 200
    assert ask(f"127.0.0.1:{one.port}", "/healthz") == 200
    assert one.stop() == 0
    assert one.broker("healthcheck").returncode == 1
    events = [json.loads(line)["event"] for line in one.output.splitlines()]
    assert events[-1] == "server.stopping"
    assert "server.ready" in events


def test_sigterm_loses_no_request(served: Serve) -> None:
    one = served().start()
    half_sent = [one.connect() for _ in range(50)]
    for connection in half_sent:
        connection.sendall(post(one) + FORM[:20])
    idle = [one.connect() for _ in range(20)]
    with_wait(0.3)
    assert one.process is not None
    one.process.send_signal(signal.SIGTERM)
    with_wait(0.1)
    for connection in idle:  # connected before the signal, asks after it
        connection.sendall(b"GET /jwks HTTP/1.1\r\nHost: id.localhost\r\n\r\n")
    assert ask(f"127.0.0.1:{one.management}", "/readyz") == 503
    assert ask(f"127.0.0.1:{one.management}", "/livez") == 200
    with_wait(1.2)
    with pytest.raises(ConnectionRefusedError):
        one.connect()
    for connection in half_sent:
        connection.sendall(FORM[20:])
    answers = [receive(connection) for connection in half_sent]
    assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 400 Bad Request"}
    assert all(b"invalid_grant" in answer for answer in answers)
    assert all(receive(connection).startswith(b"HTTP/1.1 200") for connection in idle)
    assert one.process.wait(20) == 0


def test_a_request_that_never_ends_does_not_hold_the_stop_up_beyond_the_grace(served: Serve) -> None:
    one = served()
    one.config.write_text(one.config.read_text().replace("shutdown_grace: 10s", "shutdown_grace: 1s"))
    one.start()
    with one.connect() as connection:
        connection.sendall(post(one))
        with_wait(0.2)
        assert one.stop() == 0


def test_a_second_signal_stops_the_waiting(served: Serve) -> None:
    one = served().start()
    with one.connect() as connection:
        connection.sendall(post(one))
        with_wait(0.2)
        assert one.process is not None
        one.process.send_signal(signal.SIGTERM)
        with_wait(0.5)
        assert one.process.poll() is None
        assert one.stop() == 0


def test_keys_are_listed_and_rotated_in_the_running_server_and_without_it(served: Serve) -> None:
    one = served().start()
    before = one.broker("keys", "list").stdout.splitlines()
    assert [line.split()[1:3] for line in before[1:]] == [[name, "active"] for name in ("ES256", "EdDSA", "RS256")]
    rotated = one.broker("keys", "rotate", "--algorithm", "ES256").stdout
    assert rotated.count("published") == 1
    assert stat.S_IMODE((one.folder / "broker.db.control").stat().st_mode) == 0o600
    assert one.stop() == 0
    assert not (one.folder / "broker.db.control").exists()
    offline = one.broker("keys", "rotate", "--now", "--algorithm", "RS256")
    assert offline.returncode == 0, offline.stderr
    assert offline.stdout.count("published") == 1
    assert offline.stdout.count("retired") == 1
    assert '"event":"key.created"' in offline.stderr
    assert one.broker("keys", "rotate", "--algorithm", "HS256").returncode == 1


def test_j6_leaked_keys_are_removed_in_the_running_server_and_without_it(served: Serve) -> None:
    one = served().start()
    before = kids(one.broker("keys", "list").stdout)
    assert one.broker("keys", "rotate", "--end-grants").returncode == 2
    assert one.broker("keys", "rotate", "--emergency", "--algorithm", "HS256").returncode == 1
    assert kids(one.broker("keys", "list").stdout) == before
    some = kids(one.broker("keys", "rotate", "--emergency", "--algorithm", "ES256").stdout)
    assert (len(some), len(some & before)) == (3, 2)
    assert one.stop() == 0
    offline = one.broker("keys", "rotate", "--emergency", "--end-grants")
    assert offline.returncode == 0, offline.stderr
    *table, ended = offline.stdout.splitlines()
    assert ended == "0 grants ended"
    assert not kids("\n".join(table)) & (some | before)
    assert offline.stderr.count('"event":"key.removed"') == 3


def kids(table: str) -> set[str]:
    """The keys in the answer of `broker keys`."""
    return {line.split()[0] for line in table.splitlines()[1:]}


def test_a_second_server_on_the_same_database_or_port_is_refused_in_one_line(served: Serve) -> None:
    one = served().start()
    refused = one.broker("serve")
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [f"cannot listen: [Errno 98] Address already in use: 127.0.0.1:{one.port}"]
    text = (
        one.config.read_text().replace(f":{one.port}", f":{free_port()}").replace(str(one.management), str(free_port()))
    )
    one.config.write_text(text)
    refused = one.broker("serve")
    assert refused.returncode == 1
    assert "storage.sqlite.path" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_emulated_upstreams_are_not_served(served: Serve) -> None:
    one = served()
    one.config.write_text(one.config.read_text() + "network: {upstreams: emulated}\n")
    refused = one.broker("serve")
    assert refused.returncode == 1
    assert "broker demo" in refused.stderr


def test_it_listens_on_a_unix_socket_and_takes_over_a_dead_one(served: Serve, tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    one = served(listen=f"unix:{path}").start()
    assert ask(f"unix:{path}", "/healthz") == 200
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert one.stop() == 0


def test_dev_tls_serves_a_certificate_of_a_local_authority(served: Serve) -> None:
    port = free_port()
    issuer = f"https://id.localhost:{port}"
    one = served(listen=f"127.0.0.1:{port}", issuer=issuer, arguments=("--dev-tls",)).start()
    context = ssl.create_default_context(cafile=str(one.folder / "dev-tls" / "authority.pem"))
    plain = socket.create_connection(("127.0.0.1", port), 20)
    secure = context.wrap_socket(plain, server_hostname="id.localhost")
    head = f"GET /.well-known/openid-configuration HTTP/1.1\r\nHost: id.localhost:{port}\r\n"
    secure.sendall(f"{head}Connection: close\r\n\r\n".encode())
    assert f'"issuer":"{issuer}"'.encode() in receive(secure)
    assert b"how" not in one.output
    assert b"update-ca-certificates" in one.output
    assert one.stop() == 0


def test_dev_tls_needs_an_https_issuer(served: Serve) -> None:
    refused = served().broker("serve", "--dev-tls")
    assert refused.returncode == 1
    assert refused.stderr == "issuer: with --dev-tls the issuer begins with https://, or nobody would come this way\n"


def test_systemd_is_told(served: Serve, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20)
        one = served().start(NOTIFY_SOCKET=str(tmp_path / "notify"))
        assert systemd.recv(100) == b"READY=1"
        assert one.stop() == 0
        assert systemd.recv(100) == b"STOPPING=1"


def test_the_environment_overrides_the_log_level_and_nothing_else(served: Serve) -> None:
    one = served().start(BROKER_LOG_LEVEL="error", BROKER_ISSUER="https://evil.example")
    assert all(json.loads(line).get("audit") for line in one.output.splitlines())
    assert one.stop() == 0
    os.environ["BROKER_LOG_LEVEL"] = "loud"
    try:
        assert one.broker("serve").stderr == "BROKER_LOG_LEVEL: is not one of logging.level's values\n"
    finally:
        del os.environ["BROKER_LOG_LEVEL"]


def test_headers_of_the_server_tell_nothing_about_it(served: Serve) -> None:
    one = served().start()
    with one.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: id.localhost\r\nConnection: close\r\n\r\n")
        assert b"\r\nserver:" not in receive(connection).lower()
    assert one.stop() == 0
