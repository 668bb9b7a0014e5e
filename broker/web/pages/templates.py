"""The templates of one broker: the operator's before ours, compiled at start, in a sandbox, with escaping on.

A page of the operator's that fails, at start with sample views or later with a real one, is answered by ours, and the
failure is told once: nobody is kept out by a typing mistake.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from gettext import GNUTranslations
from pathlib import Path
from types import CodeType

from jinja2 import (
    BytecodeCache,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateSyntaxError,
)
from jinja2.bccache import Bucket
from jinja2.meta import find_referenced_templates
from jinja2.sandbox import ImmutableSandboxedEnvironment

from broker.core.errors import ConfigError
from broker.web.pages.samples import sample_views
from broker.web.pages.views import DATA, View, template_of

BUILT_IN = next(
    place
    for place in (Path(__file__).parents[2] / "_templates", Path(__file__).parents[3] / "templates")
    if place.is_dir() or place.name == "templates"
)
"""Inside the package when installed from a wheel, beside it in a checkout."""

Tell = Callable[[str, str], None]
"""Hears of a page of the operator's that fails: the template, and what is wrong with it where."""


@dataclass(frozen=True, slots=True)
class Language:
    """What templates may name in one language, and by which filters."""

    locale: str
    names: Mapping[str, object]
    filters: Mapping[str, Callable[..., object]]


class Templates:
    """Renders templates in several languages.

    `override` is a directory whose files win over ours, one by one. `brought` are folders of provider types, by type:
    a page there is `widget/<type>/<file>`. A template of ours that does not compile or render is a bug and raises, one
    that a type brought is ConfigError. `tell` hears of each page of the operator's that fails, once.
    """

    def __init__(
        self, override: Path | None, spoken: Mapping[str, Language], *, tell: Tell, brought: Mapping[str, Path]
    ) -> None:
        self._tell = tell
        self._ours = {locale: _environment((BUILT_IN,), brought, language) for locale, language in spoken.items()}
        theirs = {f"widget/{kind}/{name}" for kind, place in brought.items() for name in names_in(place)}
        self._built_in = frozenset(names_in(BUILT_IN)) | theirs
        for environment in self._ours.values():
            for name in sorted(self._built_in - theirs):
                environment.get_template(name)
            for name in sorted(theirs):
                _compile_brought(environment, name)
        self._theirs: dict[str, Environment] = {}
        self._trusted: set[str] = set()  # pages that the operator's files have a part in, and that work
        if override is not None:
            self._theirs = {
                locale: _environment((override, BUILT_IN), brought, language) for locale, language in spoken.items()
            }
            self._trusted = set(self._built_in) | set(names_in(override))
            self._try_all()

    @property
    def names(self) -> frozenset[str]:
        """Every page there is."""
        return self._built_in | frozenset(self._trusted)

    def render(self, locale: str, name: str, **values: object) -> str:
        """The page as text. `name` is one of `names`, `locale` one of the languages."""
        if name not in self._trusted:
            return self._ours[locale].get_template(name).render(**values)
        try:
            return self._theirs[locale].get_template(name).render(**values)
        except Exception as error:  # whatever an operator's template does, the person goes on
            # Only the kind of error is told: its text may quote what the page shows of a person.
            self._give_up(name, f"{_place(error)}{type(error).__name__}")
            if name not in self._built_in:
                raise
            return self._ours[locale].get_template(name).render(**values)

    def _try_all(self) -> None:
        """Compile and render every page once per language, with views of nobody's."""
        samples: dict[str, list[View]] = {name: [] for name in self._trusted}
        for _, view in sample_views(tuple(Path(name).stem for name in self._trusted if name.startswith("error/"))):
            samples.setdefault(template_of(view), []).append(view)
        for name in sorted(self._trusted):
            try:
                for environment in self._theirs.values():
                    template = environment.get_template(name)
                    for view in samples[name]:
                        template.render(view=view, nonce="sample")
            except Exception as error:  # as in `render`, but of a sample the text may be told
                said = error.message if isinstance(error, TemplateSyntaxError) else f"{type(error).__name__}: {error}"
                self._give_up(name, f"{_place(error)}{said}")

    def _give_up(self, name: str, reason: str) -> None:
        self._trusted.discard(name)
        self._tell(name, reason)


def names_in(directory: Path) -> Iterator[str]:
    """The pages below a directory, as templates name each other."""
    yield from (name for name in FileSystemLoader(directory).list_templates() if name.endswith(".html"))


def find_strangers(override: Path) -> Iterator[tuple[str, str]]:
    """Files of an operator's directory that nothing will ever use, with the one that was probably meant, or ""."""
    reader = Environment(autoescape=True, extensions=["jinja2.ext.i18n"])
    known: set[str | None] = set()
    ours, theirs = frozenset(names_in(BUILT_IN)), tuple(names_in(override))
    for name in theirs:
        try:
            known.update(find_referenced_templates(reader.parse((override / name).read_text(encoding="utf-8"))))
        except (TemplateSyntaxError, UnicodeDecodeError):
            continue  # told elsewhere, with its line
    for name in theirs:
        if name not in ours | known and not name.startswith("widget/"):
            yield name, next(iter(get_close_matches(name, sorted(ours), n=1)), "")


class _Compiled(BytecodeCache):
    """What a page compiles to, once for all languages: words and filters are looked up when it is rendered.

    A filter after a constant would be worked out by the compiler, in the first language, for all; a test sees that
    there is none in our pages.
    """

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Of the same name, file and source."""
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """For the next language."""
        self._code[bucket.key, bucket.checksum] = bucket.code


_COMPILED = _Compiled()  # for every broker of this process: compiling is most of what putting one together takes


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox with a short cut for our views: frozen data without methods, so only `_…` has to be kept back."""

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
        """Whether a template may read this."""
        if type(obj) in DATA:
            return not attr.startswith("_")
        return super().is_safe_attribute(obj, attr, value)


def _compile_brought(environment: Environment, name: str) -> None:
    try:
        environment.get_template(name)
    except TemplateSyntaxError as error:
        kind = name.split("/")[1]
        raise ConfigError([f"providers: the type {kind} brings a page {_place(error)}{error.message}"]) from None


def _environment(places: tuple[Path, ...], brought: Mapping[str, Path], language: Language) -> Environment:
    widgets = PrefixLoader({kind: FileSystemLoader(place) for kind, place in brought.items()})
    more = PrefixLoader({"builtin": FileSystemLoader(BUILT_IN), "widget": widgets})
    environment = _Sandbox(
        loader=ChoiceLoader([*map(FileSystemLoader, places), more]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        bytecode_cache=_COMPILED,
        extensions=["jinja2.ext.i18n"],
    )
    spoken = _translations(places, language.locale)
    # The method comes with the extension; jinja2's types do not know of it.
    environment.install_gettext_callables(spoken.gettext, spoken.ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.filters.update(language.filters)
    environment.globals.update(language.names)
    return environment


def _translations(places: tuple[Path, ...], locale: str) -> GNUTranslations:
    chain: GNUTranslations | None = None
    for place in places:
        catalogue = place / "locale" / locale / "LC_MESSAGES" / "broker.mo"
        if not catalogue.is_file():
            continue
        with catalogue.open("rb") as file:
            found = GNUTranslations(file)
        if chain is None:
            chain = found
        else:
            chain.add_fallback(found)
    if chain is None:
        raise FileNotFoundError(f"no translations for {locale}")
    return chain


def _place(error: Exception) -> str:
    """`page.html:12: `, the innermost line of a template that the error came through; "" when there is none."""
    if isinstance(error, TemplateSyntaxError):
        return f"{error.name}:{error.lineno}: "
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(".html")]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}: " if frames else ""
