"""Each file here is one kind of evidence about an answer; its name is the file's name.

A verifier is a callable (task, attempt, forecast) -> Evidence: it may be slow, but never changes anything. One
that takes microseconds says so by an attribute `instant` that is true, one that takes them on short answers by
`brief`; the others are kept out of the event loop.
One that compares answers has a method `together` as well: see `weighed`. One with an attribute `once` that is true is
asked about one answer per request at most. One that makes calls has a method `within(bounds)`, which returns it bound to
what the limits of the request leave.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Protocol

from orchestrator.calls import Bounds
from router_training.contract import Attempt, Evidence, Forecast, Task, UsageError
from router_training.likelihood import DECISIVE as DECISIVE, LEARNED, NEWS, RATIOS, LikelihoodRatios, worth

logger = logging.getLogger(__name__)

DETERMINISTIC = ("completeness", "format", "code", "arithmetic", "grounding")
WEIGHED = (LEARNED, "check", *NEWS)
"""Opinions: other answers can outweigh these, whatever they say."""
PLAIN = frozenset({float, int, type(None)})
FAILED = "the verifier %s failed; the answer is not affected"
Passed = tuple[type[Exception], ...]


class Verifier(Protocol):
    """Looks at one answer; `forecast` is what the policy expected of this model on this task."""

    def __call__(self, task: Task, attempt: Attempt, forecast: Forecast, /) -> Evidence: ...


def available() -> tuple[str, ...]:
    """Return the names of all verifiers, sorted."""
    return tuple(sorted(module.name for module in iter_modules(__path__)))


def summary(name: str) -> str:
    """Return the one line with which a verifier introduces itself."""
    return (import_module(f"{__name__}.{name}").__doc__ or "").partition("\n")[0]


def load(name: str, **options: Any) -> Verifier:
    """Build the verifier called `name`.

    Raises:
        UsageError: if no verifier has that name.
    """
    if name not in available():
        raise UsageError(f"unknown verifier {name!r}; choose one of {', '.join(available())}")
    verifier: Verifier = import_module(f"{__name__}.{name}").Verifier(**options)
    return verifier


def standard(answer_model: Any = None) -> tuple[Verifier, ...]:
    """Return the usual verifiers in their order: what costs nothing first, then the answer model if given.

    What a finding is worth is what the answer model's training measured, else the usual.
    """
    ratios = LikelihoodRatios.from_plain(getattr(answer_model, "metadata", {}).get(RATIOS))
    evidence = (*(load(name, ratios=ratios) for name in DETERMINISTIC), load("logprobs"))
    return evidence if answer_model is None else (*evidence, load("learned", model=answer_model))


def without_repeats(verifiers: Sequence[Verifier], earlier: Sequence[Attempt]) -> tuple[Verifier, ...]:
    """Return the verifiers, without those asked once a request that have spoken on an earlier answer."""
    told = {one.kind for attempt in earlier for one in attempt.evidence}
    if not told:
        return tuple(verifiers)
    return tuple(one for one in verifiers if not (getattr(one, "once", False) and _kind(one) in told))


def comparing(verifiers: Sequence[Verifier], joint: Any = None) -> tuple[Verifier, ...]:
    """Return the verifiers, and after them one that compares answers by the joint model, if given."""
    return tuple(verifiers) if joint is None else (*verifiers, load("agreement", model=joint))


def verified(
    verifiers: Sequence[Verifier],
    task: Task,
    attempt: Attempt,
    forecast: Forecast,
    left: Bounds | None = None,
    passed: Passed = (),
) -> Attempt:
    """Return the attempt with its evidence, and the confidence that `likelihood.worth` makes of it.

    Verifiers that make calls keep to what is `left` of time and money (None: no limit). What one raises is logged, and
    costs nobody the answer; only exceptions that are `passed` go on.
    """
    evidence: list[Evidence] = []
    for verifier in verifiers:
        try:
            within = None if left is None else getattr(verifier, "within", None)
            asked = verifier if within is None or left is None else within(left.less(evidence))
            found = _in_plain_numbers(asked(task, attempt, forecast))
        except passed:
            raise
        except Exception as error:
            logger.exception(FAILED, _kind(verifier))
            found = _silent(verifier, error)
        evidence.append(found)
        if found.p_correct is not None and found.p_correct <= DECISIVE and found.kind not in NEWS:
            break
    confidence = worth(evidence, forecast.p_success)
    return replace(attempt, confidence=confidence, evidence=tuple(evidence))


def weighed(
    verifiers: Sequence[Verifier],
    task: Task,
    attempts: Sequence[Attempt],
    forecasts: Sequence[Forecast],
    passed: Passed = (),
) -> list[Attempt]:
    """Return all attempts of a request as those verifiers see them that compare answers, by their `together`.

    What such a verifier says takes the place of what it said before, and its p_correct that of the confidence,
    unless something decisive was found in the answer by itself. Blank answers are not compared. What one raises is
    taken as `verified` takes it.
    """
    seen = list(attempts)
    for verifier in verifiers:
        if (together := getattr(verifier, "together", None)) is None:
            continue
        places = [i for i, attempt in enumerate(seen) if (attempt.text or "").strip()]
        try:
            told = together(task, [seen[i] for i in places], forecasts) if places else ()
            found = [(i, _in_plain_numbers(one)) for i, one in zip(places, told, strict=True)]
        except passed:
            raise
        except Exception as error:
            logger.exception(FAILED, _kind(verifier))
            found = [(i, _silent(verifier, error)) for i in places]
        for i, evidence in found:
            seen[i] = _with(seen[i], evidence)
    return seen


def _in_plain_numbers(found: Evidence) -> Evidence:
    """Return evidence whose numbers a checkpointer can keep, which numpy's are not.

    Raises:
        TypeError: if it is no evidence.
        ValueError: if its p_correct is no number.
    """
    if not isinstance(found, Evidence):
        raise TypeError(f"a verifier returns Evidence; this is {found!r}")
    if type(p_correct := found.p_correct) not in PLAIN or type(found.usd + found.latency_s) is not float:
        p_correct = None if p_correct is None else float(p_correct)
        found = replace(found, p_correct=p_correct, usd=float(found.usd), latency_s=float(found.latency_s))
    if p_correct is not None and math.isnan(p_correct):
        raise ValueError("p_correct is NaN; it lies in [0, 1], and is None where there is nothing to say")
    return found


def _silent(verifier: Verifier, error: Exception) -> Evidence:
    """Return that a verifier has nothing to say, because of what it raised."""
    return Evidence(_kind(verifier), None, f"failed with {type(error).__name__}, as the log shows")


def _kind(verifier: Verifier) -> str:
    """Return what a verifier is called: a function by its name, an instance by the file of its class."""
    return getattr(verifier, "__name__", None) or type(verifier).__module__.rpartition(".")[2]


def _with(attempt: Attempt, found: Evidence) -> Attempt:
    rest = tuple(one for one in attempt.evidence if one.kind != found.kind)
    decisive = any(
        one.p_correct is not None and one.p_correct <= DECISIVE for one in rest if one.kind not in WEIGHED
    )
    stands = found.p_correct is None or decisive
    confidence = attempt.confidence if stands else found.p_correct
    return replace(attempt, confidence=confidence, evidence=(*rest, found))
