"""How biased is a judge? It is asked about graded answers, in both orders of yes and no; what it said is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from orchestrator import requests
from router_training.answers.shown import shown
from router_training.contract import Attempt, DataError
from router_training.judging.judge_bias import Verdict
from router_training.outcomes import OutcomeTable

LONGEST_ANSWER = 20_000


@dataclass(frozen=True, slots=True)
class Case:
    """A graded answer that a judge is asked about."""

    task_id: str
    model: str
    prompt: str
    answer: str
    quality: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What a judge said of one case; `yes_first` is the order in which it was offered yes and no."""

    task_id: str
    model: str
    yes_first: bool
    text: str
    usd: float = 0.0
    latency_s: float = 0.0


def draw_cases(table: OutcomeTable, n: int, seed: int = 0) -> list[Case]:
    """Return about `n` graded answers, in turn right and wrong while there are enough, at random.

    Raises:
        DataError: if there is no right or no wrong answer.
    """
    rows, columns = np.nonzero(np.isfinite(table.quality) & (table.responses != None))  # noqa: E711 (element-wise)
    order = np.random.default_rng(seed).permutation(len(rows))
    right = [k for k in order if table.quality[rows[k], columns[k]] >= 0.5]
    wrong = [k for k in order if table.quality[rows[k], columns[k]] < 0.5]
    if not right or not wrong:
        raise DataError(
            f"{table.origin} holds {len(right)} right and {len(wrong)} wrong graded answers; measuring a judge takes some "
            "of each: fill the columns response and quality"
        )
    half = max(n // 2, 1)
    # in turn, so that a run that breaks off has seen both
    taken = [k for pair in zip_longest(right[:half], wrong[:half]) for k in pair if k is not None]
    return [
        Case(
            str(table.task_ids[rows[k]]),
            table.models[columns[k]],
            table.prompts[rows[k]],
            str(table.responses[rows[k], columns[k]]),
            float(table.quality[rows[k], columns[k]]),
        )
        for k in taken
    ]


def ask_all(
    cases: Sequence[Case],
    ask: Callable[[str], Attempt] | None,
    known: Sequence[Reply],
    keep: Callable[[Reply], None],
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Reply]:
    """Return the judge's replies to all cases in both orders: known ones, and, where `ask` is given, new ones.

    Each new reply is handed to `keep` at once; a call that fails is left out.
    """
    by_key = {(one.task_id, one.model, one.yes_first): one for one in known}
    replies = []
    for i, case in enumerate(cases):
        for yes_first in (True, False):
            reply = by_key.get((case.task_id, case.model, yes_first))
            if reply is None and ask is not None:
                said = ask(
                    requests.judge(case.prompt, shown(case.answer, LONGEST_ANSWER), yes_first=yes_first)
                )
                if said.text is None:
                    continue
                reply = Reply(case.task_id, case.model, yes_first, said.text, said.usd, said.latency_s)
                keep(reply)
            if reply is not None:
                replies.append(reply)
        if progress is not None:
            progress("answers judged", i + 1, len(cases))
    return replies


def verdicts(cases: Iterable[Case], replies: Iterable[Reply]) -> list[Verdict]:
    """Return what the judge said of each case on which it was asked with yes first."""
    said = {(one.task_id, one.model, one.yes_first): _is_yes(one.text) for one in replies}
    return [
        Verdict(case.quality, said[key], said.get((case.task_id, case.model, False)))
        for case in cases
        if (key := (case.task_id, case.model, True)) in said
    ]


def _is_yes(text: str) -> bool | None:
    p = requests.said_right(text)
    return None if p is None else p > 0.5


def read_replies(path: Path) -> list[Reply]:
    """Read recorded replies, one JSON object a line; a file that is not there yet holds none.

    Raises:
        DataError: naming the line that is no reply.
    """
    if not path.exists():
        return []
    return list(_read(path))


def _read(path: Path) -> Iterator[Reply]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            kept: dict[str, Any] = json.loads(line)
            yield Reply(**kept)
        except (ValueError, TypeError) as error:
            raise DataError(
                f"{path}, line {number} is no reply of a judge ({error}); remove the line"
            ) from error


def append_reply(path: Path, reply: Reply) -> None:
    """Write one reply to the end of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(reply), ensure_ascii=False) + "\n")
