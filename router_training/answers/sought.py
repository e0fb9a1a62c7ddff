"""Patterns that are looked for only in texts that hold one of their words: most hold none, and a word is found sooner."""

from __future__ import annotations

import re
from functools import lru_cache

ALIKE = str.maketrans("ıİſ\u212a", "iisk")  # the last is the sign for kelvin, which looks like a K
"""What Python's regular expressions take for an ASCII letter where case does not matter."""


class Sought:
    """A pattern in which case does not matter; every text that it matches holds one of the words, in lower case."""

    def __init__(self, words: tuple[str, ...], pattern: str, flags: re.RegexFlag = re.NOFLAG) -> None:
        self.words, self.pattern = words, re.compile(pattern, flags | re.IGNORECASE)

    def search(self, text: str) -> re.Match[str] | None:
        """Return the first match, as a compiled pattern does."""
        return self.pattern.search(text) if self._is_likely(text) else None

    def without(self, text: str) -> str:
        """Return the text without what matches."""
        return self.pattern.sub("", text) if self._is_likely(text) else text

    def _is_likely(self, text: str) -> bool:
        lower = _lowered(text)
        for word in self.words:  # noqa: SIM110  # a generator takes longer than the search does
            if word in lower:
                return True
        return False


@lru_cache(maxsize=16)  # a dozen patterns look at the same prompt and the same answer
def _lowered(text: str) -> str:
    return (text if text.isascii() else text.translate(ALIKE)).lower()
