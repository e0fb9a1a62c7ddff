"""Each file here is one strategy; its name is the file's name.

A strategy is a callable `Situation -> Move`: pure, synchronous, no I/O. The laws are in orchestrator.moves.
Strategies compose: `load("fallback(cascade(cost_based, threshold=0.6))")`.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Protocol

from orchestrator.moves import Move, Situation
from router_training.contract import UsageError


class Strategy(Protocol):
    """Decides the next move."""

    def __call__(self, situation: Situation, /) -> Move: ...


def available() -> tuple[str, ...]:
    """Return the names of all strategies, sorted."""
    return tuple(sorted(module.name for module in iter_modules(__path__)))


def summary(name: str) -> str:
    """Return the one line with which a strategy introduces itself."""
    return (import_module(f"{__name__}.{name}").__doc__ or "").partition("\n")[0]


def listed(text: str, *, recorded: bool = False) -> tuple[str, ...]:
    """Return the descriptions in a list such as "cost_based, fallback(cascade)"; "all" names every strategy.

    With `recorded`, "all" takes a strategy in the form `RECORDED` of its file, where its own needs live models.

    Raises:
        UsageError: if the list cannot be read, is empty, or one of the strategies cannot be built.
    """
    if text.strip() == "all":
        modules = {name: import_module(f"{__name__}.{name}") for name in available()}
        return tuple(
            getattr(module, "RECORDED", name) if recorded else name for name, module in modules.items()
        )
    try:
        parts = ast.parse(f"[{text}]", mode="eval").body
    except SyntaxError as error:
        raise _malformed(text) from error
    names = tuple(ast.unparse(part) for part in getattr(parts, "elts", ()))
    if not names:
        raise _malformed(text)
    for name in names:
        load(name)
    return names


def load(name: str | Mapping[str, Any], **options: Any) -> Strategy:
    """Build the strategy that `name` describes: a name, a call such as "fallback(cascade)", or a table.

    Args:
        name: a strategy; in parentheses, the strategy it wraps and its options as `key=value`. As a table, such as
            TOML gives: its `name`, its options, and as `inner` the name or table of the strategy it wraps.
        options: the outermost strategy's fields, by name.

    Raises:
        UsageError: if a name or option is unknown, or the description is not of that form.
    """
    if isinstance(name, Mapping):
        return _from_table(name, options)
    try:
        tree = ast.parse(name.strip(), mode="eval").body
    except SyntaxError as error:
        raise _malformed(name) from error
    return _build(tree, name, options)


def _from_table(table: Mapping[str, Any], options: dict[str, Any]) -> Strategy:
    name, inner = table.get("name"), table.get("inner")
    if not isinstance(name, str) or not isinstance(inner, str | Mapping | None):
        raise _malformed(str(dict(table)))
    written = {key: value for key, value in table.items() if key not in ("name", "inner")}
    wrapped = {} if inner is None else {"inner": load(inner)}
    return _make(name, {**wrapped, **written, **options})


def _build(tree: ast.expr, text: str, options: dict[str, Any]) -> Strategy:
    match tree:
        case ast.Name(id=name):
            return _make(name, options)
        case ast.Call(func=ast.Name(id=name), args=inner, keywords=keywords) if len(inner) <= 1:
            wrapped = {"inner": _build(inner[0], text, {})} if inner else {}
            return _make(name, {**wrapped, **_written(keywords, text), **options})
    raise _malformed(text)


def _written(keywords: list[ast.keyword], text: str) -> dict[str, Any]:
    """Return the options of a call; what it wraps stands first and without a name, and ** is no option."""
    try:
        written = {word.arg: ast.literal_eval(word.value) for word in keywords}
    except (ValueError, TypeError) as error:
        raise _malformed(text) from error
    if None in written or "inner" in written:
        raise _malformed(text)
    return {str(name): value for name, value in written.items()}


def _make(name: str, options: dict[str, Any]) -> Strategy:
    if name not in available():
        raise UsageError(f"unknown strategy {name!r}; choose one of {', '.join(available())}")
    kind = import_module(f"{__name__}.{name}").Strategy
    known = tuple(one.name for one in fields(kind))
    if unknown := sorted(options.keys() - set(known)):
        raise UsageError(f"strategy {name} has no option {unknown[0]!r}; it has {', '.join(known) or 'none'}")
    strategy: Strategy = kind(**options)
    return strategy


def _malformed(text: str) -> UsageError:
    return UsageError(
        f"strategy {text!r} cannot be read; write a name, or a call such as 'fallback(cascade(threshold=0.7))'"
    )
