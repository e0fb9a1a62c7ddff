"""Cheap surface features of a prompt: how long it is and what characters it is made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from router_training.contract import Vectors

FEATURE_NAMES = (
    "log_chars",
    "log_words",
    "log_lines",
    "log_numbers",
    "log_questions",
    "word_chars",
    "share_digit",
    "share_upper",
    "share_punctuation",
    "share_code",
    "share_math",
    "share_beyond_ascii",
)

_SPACE, _DIGIT, _UPPER, _PUNCTUATION, _CODE, _MATH, _BEYOND = range(1, 8)
_CHARACTERS = {
    _SPACE: b" \t\n\r\x0b\x0c",
    _DIGIT: b"0123456789",
    _UPPER: b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    _PUNCTUATION: b".,:!?'\"-",
    _CODE: b"{}[]();_`#@&|~",
    _MATH: b"+*/=<>^%$\\",
    _BEYOND: bytes(range(128, 256)),
}


def _class_of_byte() -> NDArray[np.uint8]:
    table = np.zeros(256, dtype=np.uint8)
    for kind, members in _CHARACTERS.items():
        table[list(members)] = kind
    return table


_CLASS = _class_of_byte()


def surface_features(prompts: Sequence[str]) -> Vectors:
    """Return one row per prompt, shape (n, len(FEATURE_NAMES)); counts are logarithms, shares lie in [0, 1]."""
    rows = [_features(prompt) for prompt in prompts]
    return np.array(rows, dtype=np.float32).reshape(len(rows), len(FEATURE_NAMES))


def _features(prompt: str) -> tuple[float, ...]:
    raw = np.frombuffer(prompt.encode("utf-8", "replace"), dtype=np.uint8)
    kinds = _CLASS[raw]
    counts = np.bincount(kinds, minlength=8)
    n = max(len(kinds), 1)
    words = _runs(kinds != _SPACE)
    logs = np.log1p([len(prompt), words, prompt.count("\n"), _runs(kinds == _DIGIT), prompt.count("?")])
    shares = counts[[_DIGIT, _UPPER, _PUNCTUATION, _CODE, _MATH, _BEYOND]] / n
    word_chars = (n - counts[_SPACE]) / max(words, 1)
    return (*logs.tolist(), min(float(word_chars), 20.0), *shares.tolist())


def _runs(inside: NDArray[np.bool_]) -> int:
    """Count the stretches of True."""
    if not len(inside):
        return 0
    return int(inside[0]) + int(np.count_nonzero(inside[1:] & ~inside[:-1]))
