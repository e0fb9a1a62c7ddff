"""Does a decision survive what should not matter: case, white space, a typing mistake, good manners?"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from router_training.judging.curves import Choices

Choose = Callable[[Sequence[str]], Choices]
Noise = Callable[[str, np.random.Generator], str]

MOST_PROMPTS = 100
WORDS_PER_TYPO = 12


def lower_case(text: str, _rng: np.random.Generator) -> str:
    """Return the text in small letters."""
    return text.lower()


def white_space(text: str, _rng: np.random.Generator) -> str:
    """Return the text with a blank line around it and two spaces for each."""
    return "\n" + text.replace(" ", "  ") + "\n\n"


def typos(text: str, rng: np.random.Generator) -> str:
    """Return the text with two letters swapped in one of WORDS_PER_TYPO words, in at least one where a word is long enough."""
    words = [found.span() for found in re.finditer(r"[^\W\d_]{4,}", text)]
    letters = list(text)
    n = -(-len(words) // WORDS_PER_TYPO)
    for i in rng.permutation(len(words))[:n]:
        start, end = words[i]
        at = int(rng.integers(start + 1, end - 1))
        letters[at : at + 2] = reversed(letters[at : at + 2])
    return "".join(letters)


def politeness(text: str, _rng: np.random.Generator) -> str:
    """Return the text as a polite person would put it."""
    return f"Hello! Could you please help me with this? {text} Thank you very much."


NOISES: Mapping[str, Noise] = {
    "lower case": lower_case,
    "white space": white_space,
    "typing mistakes": typos,
    "politeness": politeness,
}


def unchanged_decisions(choose: Choose, prompts: Sequence[str], seed: int = 0) -> dict[str, float]:
    """Return by noise the share of at most MOST_PROMPTS prompts, drawn evenly, that are sent where they were without it.

    The kinds of noise follow RouterArena's robustness score (Lu et al., 2025, section 4): a router that reads meaning keeps
    its decision.
    """
    rng = np.random.default_rng(seed)
    drawn = [prompts[i] for i in np.sort(rng.permutation(len(prompts))[:MOST_PROMPTS])]
    texts = [*drawn, *(noise(text, rng) for noise in NOISES.values() for text in drawn)]
    choice = choose(texts).reshape(len(NOISES) + 1, len(drawn))
    return {name: float((choice[i + 1] == choice[0]).mean()) for i, name in enumerate(NOISES)}
