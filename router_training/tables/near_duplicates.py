"""Which prompts are so alike that training on one and testing on the other would be cheating."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

PREFIX = 200
TEMPLATE_SHARE = 0.5
TEMPLATE_TASKS = 20


def near_duplicate_groups(prompts: Sequence[str]) -> NDArray[np.int64]:
    """Return a group number per prompt, shape (n,), numbered by first appearance.

    Two prompts share a group where, but for case and white space, they are equal or have the same first
    PREFIX characters. A beginning that more than TEMPLATE_TASKS prompts share (or, from 6 on, more than
    half of all) is an instruction, not a duplicate; such prompts are compared whole.
    """
    if not prompts:
        return np.zeros(0, dtype=np.int64)
    whole = [" ".join(prompt.casefold().split()) for prompt in prompts]
    cut = [" ".join(prompt[:PREFIX].casefold().split()) for prompt in prompts]
    keys = [_codes(whole), _prefix_codes([text[:PREFIX] for text in whole], whole), _prefix_codes(cut, whole)]
    n = len(prompts)
    rows = np.tile(np.arange(n), len(keys))
    offsets = np.cumsum([n] + [int(key.max()) + 1 for key in keys[:-1]])
    columns = np.concatenate([key + offset for key, offset in zip(keys, offsets, strict=True)])
    size = int(columns.max()) + 1
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(size, size))
    _, labels = connected_components(graph, directed=False)
    return np.asarray(pd.factorize(labels[:n])[0], dtype=np.int64)


def _codes(texts: Sequence[str]) -> NDArray[np.int64]:
    return np.asarray(pd.factorize(np.asarray(texts, dtype=object))[0], dtype=np.int64)


def _prefix_codes(prefixes: Sequence[str], whole: Sequence[str]) -> NDArray[np.int64]:
    """Code prompts by their beginning, or whole where the beginning is a template."""
    codes = _codes(prefixes)
    counts = np.bincount(codes)[codes]
    template = (counts > TEMPLATE_TASKS) | ((counts > 5) & (counts > TEMPLATE_SHARE * len(codes)))
    apart = _codes(whole) + codes.max() + 1
    return np.where(template, apart, codes)
