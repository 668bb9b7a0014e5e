"""What providers are beside each other, and what each knows of itself that is allowed and unwise."""

from __future__ import annotations

from broker.config.model import Config
from broker.config.report import Report


def check_namespaces(config: Config, report: Report) -> None:
    """Two issuers number their people independently: in one namespace they would be each other's people."""
    issuers: dict[str, tuple[str, str]] = {}
    for name, settings in config.providers.items():
        kind, told = getattr(settings, "type", ""), getattr(settings, "same_people", False)
        namespace = getattr(settings, "identity_namespace", lambda: "")()
        issuer = (str(kind), str(getattr(settings, "issuer", "")))
        if namespace and issuers.setdefault(namespace, issuer) != issuer and not told:
            text = (
                f"is the namespace of another service, whose people would be taken for those of {name};"
                " if they are the same people under the same ids, say same_people: true"
            )
            report.problem(("providers", name, "namespace"), text)


def check_wisdom(config: Config, report: Report) -> None:
    """What a type knows to be allowed and to take trust away."""
    for name, settings in config.providers.items():
        if getattr(settings, "enabled", True):
            for path, text in getattr(settings, "unwise", lambda: ())():
                report.warn(("providers", name, *path), text)
