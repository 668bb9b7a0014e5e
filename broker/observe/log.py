"""One line per event: JSON for machines, text for a terminal. Libraries' own logging goes the same way."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from traceback import walk_tb
from typing import Any, Protocol

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from broker.core.events import request_id
from broker.observe.redact import Redactor

Clock = Callable[[], float]
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_FRAMES = 25  # innermost frames of one exception
_CAUSES = 5  # exceptions in a chain

# What JSON may carry as it is and a terminal or a line-based reader would obey: delete, C1 controls, line and
# paragraph separators, marks that turn the direction of writing.
_OBEYED = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf")
_PLAIN = re.compile(r"[\w.,:/@+()\[\]‹›-]+")
_COLOURS = {"debug": "\x1b[2m", "info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m"}
_RESET = "\x1b[0m"


class Lines(Protocol):
    """Where lines go."""

    def write(self, line: bytes) -> None:
        """Take one line with its line break; never waits."""


class Log:
    """Renders events of at least `level` as lines of `style` ("json" or "text") into `lines`."""

    def __init__(self, lines: Lines, redactor: Redactor, *, level: str, style: str, clock: Clock) -> None:
        """`clock` gives epoch seconds."""
        self._redactor = redactor
        self._clock = clock
        self.level = level
        self._second, self._second_text = -1, ""
        self._render: Callable[[object, str, EventDict], bytes] = render_text if style == "text" else render_json
        processors: list[Processor] = [self._build_line]
        kind = structlog.make_filtering_bound_logger(logging.DEBUG)
        self._logger: FilteringBoundLogger = structlog.wrap_logger(_Writer(lines), processors, kind).bind()

    def write(self, level: str, event: str, fields: Mapping[str, Any], *, always: bool = False) -> None:
        """One line, when `level` reaches the threshold or `always`."""
        if always or LEVELS[level] >= LEVELS[self.level]:
            self._logger.log(LEVELS[level], event, **fields)

    def crash(self, error: BaseException, event: str) -> None:
        """An exception nobody foresaw: its type, text and frames, without secrets and without source lines."""
        self.write("error", event, {"kind": type(error).__name__, "exception": describe(error)})

    def _build_line(self, logger: object, level: str, fields: EventDict) -> bytes:
        head: EventDict = {"ts": self._now(), "level": level, "event": fields.pop("event")}
        if reference := request_id.get():
            head["request_id"] = reference
        return self._redactor.line(self._render(logger, level, self._redactor.fields({**head, **fields})))

    def _now(self) -> str:
        at = self._clock()
        second = int(at)
        if second != self._second:
            self._second, self._second_text = second, datetime.fromtimestamp(second, UTC).isoformat()[:19]
        return f"{self._second_text}.{int(at * 1000) % 1000:03d}Z"


class _Writer:
    """What structlog calls with a finished line: any level's method writes it."""

    def __init__(self, lines: Lines) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = lines.write


def render_json(_: object, __: str, fields: EventDict) -> bytes:
    """One JSON object in one line, in which nothing moves a cursor or breaks a line."""
    return _OBEYED.sub(_escape, orjson.dumps(fields, default=str, option=orjson.OPT_NON_STR_KEYS)) + b"\n"


def render_text(_: object, level: str, fields: EventDict) -> bytes:
    """Time, level, event, then name=value; a value with anything but plain characters is quoted as in JSON."""
    at, event = str(fields.pop("ts", ""))[11:23], str(fields.pop("event", ""))
    fields.pop("level", None)
    exception = fields.pop("exception", None)
    parts = [at, f"{_COLOURS.get(level, '')}{level:<7}{_RESET}", _quoted(event)]
    parts += [f"{name}={_quoted(value)}" for name, value in fields.items() if value is not None]
    if exception is not None:
        parts += [f"\n    {_quoted(line)}" for line in str(exception).splitlines()]
    return " ".join(parts).encode() + b"\n"


def describe(error: BaseException) -> str:
    """Type, text and frames of an exception and of what caused it, innermost frame last."""
    lines: list[str] = []
    for depth, one in enumerate(_chain(error)):
        prefix = "caused by " if depth else ""
        lines.append(f"{prefix}{type(one).__name__}: {one}")
        frames = [(frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in walk_tb(one.__traceback__)]
        lines += [f"  {_short(file)}:{line} {name}" for file, line, name in frames[-_FRAMES:]]
    return "\n".join(lines)


class StdlibBridge(logging.Handler):
    """Takes what libraries log through `logging` and gives it the same shape and the same redaction."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """One line; a record that cannot even be formatted says so instead of raising into the library."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            message = f"a log message with arguments that do not fit, from {record.pathname}:{record.lineno}"
        level = next(name for name, number in reversed(LEVELS.items()) if record.levelno >= number or name == "debug")
        fields: dict[str, Any] = {"logger": record.name, "message": message}
        if record.exc_info and record.exc_info[1] is not None:
            fields["exception"] = describe(record.exc_info[1])
        self._log.write(level, "log", fields)

    def install(self, level: str) -> None:
        """Become the only handler of the root logger; libraries are heard from warning on, with "debug" whole."""
        root = logging.getLogger()
        root.handlers[:] = [self]
        root.setLevel(max(LEVELS[level], logging.WARNING) if level != "debug" else logging.DEBUG)
        logging.captureWarnings(capture=True)


def _chain(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    for _ in range(_CAUSES):
        if one is None:
            return
        yield one
        if isinstance(one, BaseExceptionGroup):
            yield from one.exceptions[:_CAUSES]
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _short(file: str) -> str:
    for root in ("/site-packages/", "/lib/python"):
        if root in file:
            return file.rpartition(root)[2]
    return "/".join(file.split("/")[-3:])


def _escape(found: re.Match[bytes]) -> bytes:
    return f"\\u{ord(found[0].decode()):04x}".encode()


def _quoted(value: object) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    if _PLAIN.fullmatch(text):
        return text
    return _OBEYED.sub(_escape, orjson.dumps(text)).decode()
