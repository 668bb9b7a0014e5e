"""Problems and warnings, each in one line `file:line:column: key: text`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from difflib import get_close_matches

from broker.config.source import Document, KeyPath, Mark, dotted, excerpt
from broker.core.errors import ConfigError

_HIDDEN = "‹hidden›"
_SHORTEST_SECRET = 4  # characters; anything shorter would blank out ordinary words


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One line of a report."""

    mark: Mark
    key: str
    text: str
    path: KeyPath = field(compare=False, default=())


@dataclass(slots=True)
class Report:
    """Collects what is wrong (`problem`) and what is unwise (`warn`) about one document."""

    document: Document
    problems: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)
    deaf_to: frozenset[KeyPath] = frozenset()
    is_public: Callable[[KeyPath], bool] = lambda path: False  # may the value at this path be repeated?

    def problem(self, path: KeyPath, text: str, *, of_key: bool = False) -> None:
        """Something that stops the start."""
        self._add(self.problems, path, text, of_key)

    def warn(self, path: KeyPath, text: str) -> None:
        """Something that works and should be changed."""
        self._add(self.warnings, path, text, of_key=False)

    def without(self, paths: Collection[KeyPath]) -> Report:
        """The same report, deaf to everything said about these paths and what is below them."""
        deaf_to = self.deaf_to | frozenset(paths)
        return Report(self.document, self.problems, self.warnings, self.secrets, deaf_to, self.is_public)

    def raise_problems(self) -> None:
        """Raise ConfigError when there is any problem."""
        if self.problems:
            excerpts = {self._line(finding): self._excerpt(finding.mark) for finding in self.problems}
            raise ConfigError(self.lines(self.problems), excerpts)

    def lines(self, findings: list[Finding]) -> list[str]:
        """The findings as text, in the order of the file, each once."""
        return list(dict.fromkeys(self._line(finding) for finding in sorted(findings)))

    def _add(self, findings: list[Finding], path: KeyPath, text: str, of_key: bool) -> None:
        if any(path[:end] in self.deaf_to for end in range(len(path) + 1)):
            return
        findings.append(Finding(self.document.place(path, of_key=of_key), dotted(path), text, path))

    def _line(self, finding: Finding) -> str:
        place = f"{self.document.file}:{finding.mark.line}:{finding.mark.column}"
        return f"{place}: {finding.key}: {finding.text}" if finding.key else f"{place}: {finding.text}"

    def is_commented_out(self, path: KeyPath) -> bool:
        """Whether a `#` took the value of this key away: `secret: #abc`."""
        mark = self.document.place(path, of_key=True)
        _, colon, value = self.document.lines[mark.line - 1][mark.column - 1 :].partition(":")
        return bool(colon) and value.lstrip().startswith("#") and value.strip() != "#"

    def _excerpt(self, mark: Mark) -> str:
        """The line, without the values that may be secrets and without comments."""
        line, shown, at, column = self.document.lines[mark.line - 1].rstrip("\r"), "", 0, mark.column
        scalars = [(self.document.values[path], end, path) for path, end in self.document.ends.items()]
        for begin, end, path in sorted(found for found in scalars if found[0].line == mark.line):
            stop = end.column - 1 if end.line == mark.line else len(line)
            value = line[begin.column - 1 : stop]
            visible = value if self.is_public(path) or not value.strip() else "…"
            shown += line[at : begin.column - 1] + visible
            column -= (len(value) - len(visible)) if begin.column < mark.column else 0
            at = stop
        rest, _, _ = line[at:].partition(" #")
        return excerpt(self.without_secrets((shown + rest).rstrip()), Mark(mark.line, column))

    def keep_secret(self, value: str) -> None:
        """Remember a text that `without_secrets` takes out."""
        if len(value) >= _SHORTEST_SECRET:
            self.secrets.add(value)

    def without_secrets(self, text: str) -> str:
        """A sentence written by others (a plugin's validator may quote its input) with every secret value hidden."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, _HIDDEN)
        return text


def closest(word: str, known: tuple[str, ...]) -> str:
    """The known word that was probably meant, or ""."""
    return next(iter(get_close_matches(word, known, n=1, cutoff=0.6)), "")


def did_you_mean(word: str, known: tuple[str, ...]) -> str:
    """` (did you mean x?)` when something close is known, else nothing."""
    close = closest(word, known)
    return f" (did you mean {close}?)" if close else ""
