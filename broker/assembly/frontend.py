"""The pages and what they look like."""

from __future__ import annotations

from pathlib import Path

from broker.assembly.texts import localised, logo_name
from broker.config.model import Config
from broker.web.dispatch import Site
from broker.web.frontend import Frontend
from broker.web.pages import Pages
from broker.web.views import Look


def build_frontend(config: Config, site: Site) -> Frontend:
    """Pages in the operator's colours and languages."""
    ui, base = config.ui, site.base
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
    pages = Pages(
        look,
        override=Path(ui.templates) if ui.templates else None,
        files={name: Path(path) for name, path in logos.items()},
    )
    return Frontend(pages, site.origin, base, ui.languages, ui.default_language)
