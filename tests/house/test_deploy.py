"""The deployment examples keep the broker's privileges away from it and leave it time to finish."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from broker.cli.serve import serve
from broker.config.model import Config
from broker.web.manage import PATIENCE

DEPLOY = Path(__file__).parents[2] / "deploy"
BASE = DEPLOY / "kubernetes/base"


def load(path: Path) -> Any:
    """One YAML document; Any, because it is whatever the file says."""
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def pod() -> Any:
    """The pod of the deployment."""
    return load(BASE / "deployment.yaml")["spec"]["template"]["spec"]


def unit() -> dict[str, str]:
    """The settings of the systemd unit, the last one of a name."""
    text = (DEPLOY / "systemd/broker.service").read_text(encoding="utf-8")
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))


def test_the_container_runs_without_privileges_on_a_read_only_root() -> None:
    spec = pod()
    container = spec["containers"][0]["securityContext"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert spec["automountServiceAccountToken"] is False
    assert container["readOnlyRootFilesystem"] is True
    assert container["allowPrivilegeEscalation"] is False
    assert container["capabilities"]["drop"] == ["ALL"]


def test_compose_runs_without_privileges_and_publishes_to_this_machine_only() -> None:
    broker = load(DEPLOY / "docker/compose.yaml")["services"]["broker"]
    assert broker["read_only"] is True
    assert broker["cap_drop"] == ["ALL"]
    assert broker["security_opt"] == ["no-new-privileges:true"]
    assert all(str(port).startswith("127.0.0.1:") for port in broker["ports"])


def test_one_process_writes_the_database() -> None:
    spec = load(BASE / "deployment.yaml")["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"]["type"] == "Recreate"
    assert load(BASE / "volume.yaml")["spec"]["accessModes"] == ["ReadWriteOncePod"]


def test_there_is_time_to_finish_requests_after_sigterm() -> None:
    grace = Config.model_fields["server"].get_default(call_default_factory=True).shutdown_grace
    compose = load(DEPLOY / "docker/compose.yaml")["services"]["broker"]["stop_grace_period"]
    assert pod()["terminationGracePeriodSeconds"] > grace + 5
    assert int(compose.removesuffix("s")) > grace
    assert int(unit()["TimeoutStopSec"]) > grace


def test_probes_ask_the_management_listener() -> None:
    container = pod()["containers"][0]
    probes = {name: container[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert {probe["port"] for probe in probes.values()} == {"management"}
    assert probes["livenessProbe"]["path"] == probes["startupProbe"]["path"] == "/livez"
    assert probes["readinessProbe"]["path"] == "/readyz"


def test_a_start_that_has_to_read_a_large_database_first_is_given_time_and_one_that_fails_tries_again() -> None:
    probe = pod()["containers"][0]["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 600
    assert int(unit()["TimeoutStartSec"]) >= 600
    assert unit()["StartLimitIntervalSec"] == "0"
    assert unit()["Restart"] == "on-failure"


def test_probes_wait_longer_than_readiness_takes_to_find_out() -> None:
    container = pod()["containers"][0]
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[name]["timeoutSeconds"] > PATIENCE


def test_a_database_is_made_at_the_first_start_only() -> None:
    assert not re.search("--create|BROKER_CREATE", (BASE / "deployment.yaml").read_text(encoding="utf-8"))
    assert not re.search("--create|BROKER_CREATE", (DEPLOY / "systemd/broker.service").read_text(encoding="utf-8"))
    compose = load(DEPLOY / "docker/compose.yaml")["services"]["broker"]
    assert compose["environment"] == {"BROKER_CREATE": "${BROKER_CREATE:-}"}
    component = load(DEPLOY / "kubernetes/first-start/kustomization.yaml")
    patch = component["patches"][0]
    assert (component["kind"], patch["target"]) == ("Component", {"kind": "Deployment", "name": "broker"})
    (added,) = YAML(typ="safe").load(patch["patch"])
    assert added["value"] == [{"name": "BROKER_CREATE", "value": "1"}]
    assert "env" not in pod()["containers"][0], "the patch adds the list"
    option = next(option for option in serve.params if option.name == "create")
    assert option.envvar == "BROKER_CREATE"


@pytest.mark.parametrize("setting", ["NoNewPrivileges", "DynamicUser", "PrivateTmp", "ProtectHome", "PrivateDevices"])
def test_the_systemd_unit_is_hardened(setting: str) -> None:
    assert unit()[setting] == "yes"


def test_the_systemd_unit_gives_secrets_as_credentials_only() -> None:
    text = (DEPLOY / "systemd/broker.service").read_text(encoding="utf-8")
    assert "LoadCredential=" in text
    assert not re.search(r"^Environment(File)?=", text, re.MULTILINE)
    assert unit()["ProtectSystem"] == "strict"


def test_the_proxy_examples_replace_what_a_visitor_says_about_its_address() -> None:
    assert "X-Forwarded-For $remote_addr;" in (DEPLOY / "proxy/nginx.conf").read_text(encoding="utf-8")
    assert "X-Forwarded-For {remote_host}" in (DEPLOY / "proxy/Caddyfile").read_text(encoding="utf-8")


def test_every_file_of_the_kustomization_exists() -> None:
    wanted = load(BASE / "kustomization.yaml")
    files = wanted["resources"] + wanted["configMapGenerator"][0]["files"]
    assert [name for name in files if not (BASE / name).is_file()] == []
