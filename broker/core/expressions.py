"""The small language of descriptions and rules: JMESPath (jmespath.org/specification.html, read 2026-11), bounded.

What could build something larger than what it was given is refused before anything runs: multi-selects, references to
expressions, and all functions but six. So an evaluation takes at most its length times the size of the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from jmespath.exceptions import JMESPathError, ParseError
from jmespath.parser import ParsedResult, Parser
from jmespath.visitor import TreeInterpreter

LENGTH_LIMIT, DEPTH_LIMIT = 400, 24
_FUNCTIONS: Final = frozenset({"contains", "ends_with", "join", "length", "not_null", "starts_with"})
_ANSWERS: Final = frozenset({"comparator", "not_expression", "field", "literal"})
_ASKS: Final = frozenset({"contains", "ends_with", "starts_with", "not_null"})
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


def check_rule(text: str) -> str:
    """An expression that can be true; raises ValueError as `check_expression`, and for one that never is."""
    check_expression(text)
    if not _may_be_true(_parsed(text).parsed):
        raise ValueError("never is true or false: compare what it finds, as in groups[0] == 'staff'")
    return text


def _may_be_true(node: Mapping[str, Any]) -> bool:
    kind, children = node["type"], node["children"]
    if kind in {"and_expression", "or_expression"}:
        return all(map(_may_be_true, children))
    if kind in {"subexpression", "pipe"}:
        return _may_be_true(children[-1])
    return kind in _ANSWERS or (kind == "function_expression" and node["value"] in _ASKS)


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


def holds(rule: str, document: Mapping[str, Any]) -> bool:
    """Whether `rule` comes to the JSON value `true`; what is missing makes nothing true, nor does its opposite.

    JMESPath has `!a`, and `a != 'x'`, true of an `a` that is not there: a gate would stand open for whoever hides it.
    So it is neither here, as in SQL, but where the rule itself says what it is to be: by `not_null(a, `false`)`, or by
    comparing with `null`. `rule` passed `check_rule`.
    """
    try:
        return _Certain().visit(_parsed(rule).parsed, document) is True
    except (ValueError, TypeError):  # as in `find`
        return False


class _Certain(TreeInterpreter):  # type: ignore[misc]  # the library has no types
    """Logic of three values: true, false, and null for what nobody knows."""

    def visit_comparator(self, node: Any, value: Any) -> Any:
        sides = node["children"]
        found = [self.visit(side, value) for side in sides]
        named = any(side["type"] == "literal" and side["value"] is None for side in sides)
        return None if None in found and not named else super().visit_comparator(_filled(node, found), value)

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        found = [self.visit(one, value) for one in node["children"]]
        if None in found and node["value"] != "not_null":
            return None
        return super().visit_function_expression(_filled(node, found), value)

    def visit_not_expression(self, node: Any, value: Any) -> Any:
        found = self.visit(node["children"][0], value)
        return None if found is None else self._is_false(found)

    def visit_and_expression(self, node: Any, value: Any) -> Any:
        return self._join(node, value, decides=self._is_false)

    def visit_or_expression(self, node: Any, value: Any) -> Any:
        return self._join(node, value, decides=self._is_true)

    def _join(self, node: Any, value: Any, *, decides: Callable[[Any], bool]) -> Any:
        """Either side may decide alone, but not by being unknown."""
        first, second = (self.visit(side, value) for side in node["children"])
        for side in (first, second):
            if side is not None and decides(side):
                return side
        return None if first is None or second is None else second


def _filled(node: Mapping[str, Any], found: list[Any]) -> dict[str, Any]:
    """The node over what its children came to: each is asked once, however deep it lies."""
    return {**node, "children": [{"type": "literal", "value": one, "children": []} for one in found]}
