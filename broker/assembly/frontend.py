"""The pages and what they look like."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from broker.config.clients import localised, logo_name
from broker.config.model import Config
from broker.core.events import Event, Recorder
from broker.web.dispatch import Site
from broker.web.pages.frontend import Frontend
from broker.web.pages.pages import Pages
from broker.web.pages.templates import Tell
from broker.web.pages.views import Look


def build_frontend(config: Config, site: Site, recorder: Recorder, assets: Mapping[str, Path]) -> Frontend:
    """Pages in the operator's colours and languages; `assets` as for `build_pages`."""

    def tell(template: str, reason: str) -> None:
        recorder.record(Event.TEMPLATE_FAILED, template=template, reason=reason)

    pages = build_pages(config, site.base, tell, assets)
    return Frontend(pages, site.origin, site.base, config.ui.languages, config.ui.default_language)


def build_pages(config: Config, base: str, tell: Tell, assets: Mapping[str, Path]) -> Pages:
    """Every page; `base` is the path of the issuer. `tell` hears of the operator's templates that do not work.

    `assets`: the folders that provider types bring with them, by type.
    """
    ui = config.ui
    look = Look(
        product_name=localised(ui.product_name),
        base_path=base,
        logo_href=f"{base}/static/{logo_name('', ui.logo)}" if ui.logo else "",
        accent=ui.accent,
        theme=ui.theme,
        button_style=ui.button_style,
        privacy=ui.links.privacy,
        terms=ui.links.terms,
        support=ui.links.support,
        languages=ui.languages,
        default_language=ui.default_language,
        emulated=config.network.upstreams == "emulated",
    )
    logos = {logo_name("", ui.logo): ui.logo} if ui.logo else {}
    logos |= {logo_name(name, client.logo): client.logo for name, client in config.clients.items() if client.logo}
    return Pages(
        look,
        override=Path(ui.templates) if ui.templates else None,
        files={name: Path(path) for name, path in logos.items()},
        brought=assets,
        tell=tell,
    )
