"""What an answer comes to in the end, in a form in which two answers can be compared: number, choice, value, code, text."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from router_training.answer_text import (
    decisive,
    final_part,
    gist,
    mentions,
    normalise,
    plain,
    unfenced,
    without_accents,
)
from router_training.answers.answer_checks import asks_number, asks_python, quietly
from router_training.answers.shown import shown

MOST_CHARS = 20_000
LONGEST_LITERAL = 4000
SHORT_WORDS = 8

ASKS_YES_NO = re.compile(r"\byes\b.{0,12}\bno\b", re.IGNORECASE)
SHOWS_CODE = re.compile(r"\[PYTHON\]|```|^\s*def \w+\(|\bassert \w+\(", re.MULTILINE)

_FIELD = re.compile(r"[\"'](?:answer|final_answer|result|output)[\"']\s*:\s*", re.IGNORECASE)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
_THE_ANSWER = re.compile(r"(?:final|correct)? ?answer(?: is|:)\s*[:*]*\s*([^\n]{1,120})", re.IGNORECASE)
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_NOISE = re.compile(r"\\(?:left|right|,|;|!|quad|text|mathrm|mbox)|\$|\\[()\[\]]|[{}]|°|\^\\circ")
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?")
_RATIO = re.compile(rf"({_NUMBER.pattern})\s*/\s*({_NUMBER.pattern})")
_ANY_NUMBER = re.compile(r"(?<![\w.,])-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?")
_MEASURED = re.compile(
    rf"(?:[a-z]{{1,2}} ?= ?)?[$€£]?\s*({_ANY_NUMBER.pattern})\s*(?:%|percent|[$€£]|[a-z²³ /]{{1,30}})?\.?",
    re.IGNORECASE,
)
_OPTION = re.compile(r"(?:^|[\s(])([A-J])[).:]\s*(\S[^\n]*?)(?=\s+\(?[A-J][).:]\s|\n|$)")
_LETTER = re.compile(r"^\W*(?:(?:option|choice|answer|letter)\W+)?([A-J])(?:\W|$)")
_YES_NO = re.compile(r"^\W*(yes|no)\b", re.IGNORECASE)
_HEADING = re.compile(r"^[A-Za-z ]{2,20}: (?=\S)")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """`kind` is number, choice, value, code, text or none; equal answers have equal values.

    A text of at most SHORT_WORDS words is an answer alone; a longer one is prose that holds it somewhere.
    """

    kind: str
    value: str

    @property
    def is_prose(self) -> bool:
        """Tell whether the answer stands somewhere in a longer text."""
        return self.kind == "text" and len(self.value.split()) > SHORT_WORDS


NOTHING = FinalAnswer("none", "")


def same_answer(prompt: str, first: str, second: str) -> bool:
    """Tell whether two answers come to the same; one that comes to nothing agrees with none."""
    return agree(final_answer(prompt, first), final_answer(prompt, second))


def final_answer(prompt: str, answer: str) -> FinalAnswer:
    """Return what the answer comes to; NOTHING where nothing was said.

    An "answer" field of a JSON object counts before the last boxed value, and that before what follows "answer is".
    """
    text = shown(_bounded(answer))
    if not text.strip():
        return NOTHING
    if asks_python(prompt) and (code := _code(text)) is not None:
        return FinalAnswer("code", code)
    told = _field(text)
    told = _boxed(text) if told is None else told
    if told is None and (value := _json(unfenced(text))) is not None:
        return FinalAnswer("value", value)
    if told is None:
        told = _stated(text)
    return _literally(told.strip()) if SHOWS_CODE.search(prompt) else _canonical(prompt, told.strip())


def agree(first: FinalAnswer, second: FinalAnswer) -> bool:
    """Tell whether two final answers to one prompt are the same.

    A short answer agrees with prose that ends in it: a number with the number that decides the text, a phrase with a
    last sentence that holds it and does not negate it.
    """
    if NOTHING in (first, second):
        return False
    if first.value == second.value:
        return True
    short, long = sorted((first, second), key=lambda one: (one.kind == "text", len(one.value)))
    if long.kind != "text" or short.kind not in ("number", "text") or short.is_prose:
        return False
    if short.kind == "number":
        told = decisive(long.value, _ANY_NUMBER)
        return told is not None and _as_number(told) == short.value
    if not long.is_prose:
        return bool(re.search(rf"(?:^|(?<!not) ){re.escape(short.value)}$", long.value))
    return mentions(_SENTENCE.split(long.value)[-1], short.value)


def _bounded(answer: str) -> str:
    if len(answer) <= MOST_CHARS:
        return answer
    return f"{answer[: MOST_CHARS // 4]}\n{answer[-3 * MOST_CHARS // 4 :]}"


def _field(text: str) -> str | None:
    """Return the value of the last "answer" field of a JSON object, even of one that is cut off or badly quoted."""
    found = list(_FIELD.finditer(text))
    if not found:
        return None
    rest = text[found[-1].end() :].lstrip()
    if string := _STRING.match(rest):
        try:
            return str(json.loads(string.group(), strict=False))
        except ValueError:
            return string.group(1)
    try:
        value, _ = json.JSONDecoder().raw_decode(rest)
    except (ValueError, RecursionError):
        return re.split(r"[\n}]", rest, maxsplit=1)[0].strip(" ,\"'") or None
    return value if isinstance(value, str) else json.dumps(value)


def _boxed(text: str) -> str | None:
    r"""Return what stands in the last \boxed{...}, braces balanced."""
    found = list(_BOXED.finditer(text))
    if not found:
        return None
    depth, start = 1, found[-1].end()
    for i in range(start, min(len(text), start + LONGEST_LITERAL)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return text[start:i]
    return None


def _stated(text: str) -> str:
    """Return what follows the last "answer is", or the final part."""
    final = final_part(unfenced(text))
    found = _THE_ANSWER.findall(text)
    return found[-1] if found and final_part(text) == text.strip() else final


def _literally(told: str) -> FinalAnswer:
    """Return a literal as Python shows it: where a prompt shows code, case, spaces and brackets matter."""
    value = _evaluated(told)
    return FinalAnswer("value", value if isinstance(value, str) and value else repr(value))


def _evaluated(told: str) -> Any:
    """Return the Python literal that the text is, or the text."""
    if len(told) > LONGEST_LITERAL:
        return told
    try:
        with quietly():
            return ast.literal_eval(told)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return told


def _canonical(prompt: str, told: str) -> FinalAnswer:
    if (chosen := _choice(prompt, told)) is not None:
        return FinalAnswer("choice", chosen)
    for kind, read in READERS:
        if (value := read(told)) is not None:
            return FinalAnswer(kind, value)
    if asks_number(prompt) and (number := decisive(plain(told), _ANY_NUMBER)) is not None:
        return FinalAnswer("number", str(_as_number(number)))
    text = _words(gist(told))
    return FinalAnswer("text", text) if text.strip(".") else NOTHING


def _choice(prompt: str, told: str) -> str | None:
    """Return yes or no, or the letter of the option named by letter or text, where the prompt offers these."""
    if ASKS_YES_NO.search(prompt) and (opening := _YES_NO.match(told)):
        return opening.group(1).casefold()
    options = {letter: normalise(text) for letter, text in _OPTION.findall(prompt)}
    if len(options) < 2 or "A" not in options:
        return None
    if (match := _LETTER.match(told)) and match.group(1) in options:
        return match.group(1)
    named = [letter for letter, option in options.items() if option and option in normalise(told)]
    return named[0] if len(named) == 1 else None


def _number(told: str) -> str | None:
    bare = _NOISE.sub("", _FRACTION.sub(r"(\1)/(\2)", plain(told))).strip(" .\"'")
    bare = re.sub(r"\(([-+\d.]+)\)", r"\1", bare).strip()
    if ratio := _RATIO.fullmatch(bare):
        return _as_number(ratio.group(1), ratio.group(2))
    measured = _MEASURED.fullmatch(bare)
    return _as_number(measured.group(1) if measured else bare)


def _as_number(text: str, divisor: str = "1") -> str | None:
    try:
        value = float(_THOUSANDS.sub("", text)) / float(divisor)
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return f"{value + 0.0:.9g}" if abs(value) < float("inf") else None


def _value(told: str) -> str | None:
    """Return a Python or JSON value; quotes, spaces, key order and tuples for lists make no difference."""
    if told[:1] not in set("[{('\"TFNtfn"):
        return None
    value = _evaluated(told)
    if value is told:
        return _json(told)
    if isinstance(value, str):
        return _words(value) or None
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return _words(" ".join(value)) or None
    return _shown(value)


def _json(told: str) -> str | None:
    try:
        value = json.loads(told)
    except (ValueError, RecursionError):
        return None
    return _shown(value) if isinstance(value, dict | list | bool) or value is None else None


def _shown(value: Any) -> str:
    match value:
        case bool() | None:
            return str(value).casefold()
        case int() | float():
            return f"{value:.9g}" if abs(value) < 1e15 else repr(value)
        case dict():
            return "{" + ", ".join(sorted(f"{_shown(k)}: {_shown(v)}" for k, v in value.items())) + "}"
        case list() | tuple():
            return "[" + ", ".join(_shown(inner) for inner in value) + "]"
        case set() | frozenset():
            return "{" + ", ".join(sorted(_shown(inner) for inner in value)) + "}"
    return repr(value)


def _words(told: str) -> str:
    """Return the words, and the full stops between sentences; a heading such as "Category:" is dropped."""
    text = without_accents(normalise(_THOUSANDS.sub("", _HEADING.sub("", plain(told)))))
    return re.sub(r"[\s\"'`,;()\[\]]+", " ", text).strip()


def _code(text: str) -> str | None:
    """Return the functions of a Python answer as Python prints them: comments and layout make no difference."""
    try:
        with quietly():
            tree = ast.parse(unfenced(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    parts = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return "\n".join(ast.unparse(node) for node in parts) or None


READERS: tuple[tuple[str, Callable[[str], str | None]], ...] = (("number", _number), ("value", _value))
