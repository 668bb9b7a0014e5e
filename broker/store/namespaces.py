"""When a provider of this name is not the one it was."""

from __future__ import annotations


class NamespaceChanged(Exception):
    """A provider's name now stands for another set of people although somebody is linked through the old one."""

    def __init__(self, alias: str, *, before: str, after: str, links: int) -> None:
        super().__init__(f"{alias}: {before} -> {after}, {links} links")
        self.alias, self.before, self.after, self.links = alias, before, after, links
