"""The small language of descriptions and rules: JMESPath (jmespath.org/specification.html, read 2026-11), bounded.

What could build something larger than what it was given is refused before anything runs: multi-selects, references to
expressions, and all functions but six. So an evaluation takes at most its length times the size of the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from jmespath.exceptions import JMESPathError, ParseError
from jmespath.parser import ParsedResult, Parser

LENGTH_LIMIT, DEPTH_LIMIT = 400, 24
_FUNCTIONS: Final = frozenset({"contains", "ends_with", "join", "length", "not_null", "starts_with"})
_BUILDS: Final = frozenset({"multi_select_list", "multi_select_dict", "expref", "key_val_pair"})


def check_expression(text: str) -> str:
    """The expression as it is; raises ValueError that says at which character it ceases to be one."""
    if not text or len(text) > LENGTH_LIMIT:
        raise ValueError(f"an expression has 1 to {LENGTH_LIMIT} characters")
    try:
        _check_node(_parsed(text).parsed, DEPTH_LIMIT)
    except ParseError as error:
        raise ValueError(f"is no JMESPath expression: look at character {(error.lex_position or 0) + 1}") from None
    except (JMESPathError, RecursionError):
        raise ValueError("is no JMESPath expression") from None
    return text


def _check_node(node: Mapping[str, Any], left: int) -> None:
    kind = node["type"]
    if left == 0:
        raise ValueError(f"an expression is at most {DEPTH_LIMIT} levels deep")
    if kind in _BUILDS:
        raise ValueError("selects from an answer and builds nothing: no [a, b], no {a: b}, no &a")
    if kind == "function_expression" and node["value"] not in _FUNCTIONS:
        raise ValueError(f"there is no such function here; there are {', '.join(sorted(_FUNCTIONS))}")
    if kind == "subexpression" and node["children"][0]["type"] == "not_expression":
        raise ValueError("means (!a).b where it says !a.b: write !(a.b)")
    for child in node["children"]:
        if isinstance(child, Mapping):  # the bounds of a slice are plain numbers
            _check_node(child, left - 1)


@lru_cache(maxsize=1024)
def _parsed(text: str) -> ParsedResult:
    return Parser().parse(text)


def last_names(expression: str) -> frozenset[str]:
    """The members that what is found may be of: `me.user.id` is about `id`, `me.oid || me.id` about two."""
    return frozenset(_ends(_parsed(expression).parsed))


def _ends(node: Mapping[str, Any]) -> Iterator[str]:
    if node["type"] == "field":
        yield str(node["value"])
    elif node["type"] in {"or_expression", "and_expression", "function_expression"}:
        for child in node["children"]:
            yield from _ends(child)
    elif node["type"] not in {"comparator", "not_expression"}:
        steps = [child for child in node["children"][:2] if isinstance(child, Mapping)]  # a filter's third only decides
        yield from next((names for step in reversed(steps) if (names := [*_ends(step)])), ())


def first_name(expression: str) -> str:
    """What a path begins at: `token` in `token.user_id`; "" where it begins at nothing that has a name."""
    node = _parsed(expression).parsed
    while node["type"] != "field" and node["children"] and isinstance(node["children"][0], Mapping):
        node = node["children"][0]
    return str(node["value"]) if node["type"] == "field" else ""


def find(expression: str, document: Mapping[str, Any]) -> Any:
    """What is found, None where there is nothing: also where something is compared or called that cannot be.

    `expression` passed `check_expression`.
    """
    try:
        return _parsed(expression).search(document)
    except (ValueError, TypeError):  # the library's own errors, slices without a step, a number beside a text
        return None
