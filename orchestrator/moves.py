"""The vocabulary of routing: what has happened so far (Situation) and what to do next (Move).

A strategy is a pure function `Situation -> Move`. Its laws, tested on every file in strategies/:
it asks a model for at most one answer, one check of each other answer and one synthesis; stops within 2n + 1
moves for n models; accepts only an attempt that answered; asks only what fits the limits, stand-ins and checks
included; gives up only after a failure, or when the limits allow no call at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from orchestrator.limits import Limits
from router_training.answers.final_answer import same_answer
from router_training.contract import Attempt, Forecast, ModelCard, Task, UsageError

CHARACTERS_PER_TOKEN = 4
REQUEST_TOKENS = 80  # what checking or synthesis adds to the prompt beside the answers


class Joint(Protocol):
    """What was learnt about asking several models: see router_training.joint_model."""

    @property
    def models(self) -> tuple[str, ...]:
        """The models it knows."""
        ...

    def following(
        self,
        prompt: str,
        forecasts: Sequence[Forecast],
        attempts: Sequence[Attempt],
        usable: Sequence[str],
        *,
        price: float,
        usd_scale: float,
        together: float,
    ) -> tuple[str, ...]:
        """Return whom to ask next among `usable`; empty where no call is worth its price."""
        ...


@dataclass(frozen=True, slots=True)
class Situation:
    """All a strategy may look at.

    `elapsed_s` is the time this request has taken so far; `usd_scale` is the amount that weighs as much as
    a certain success when the dial is at one half (None: the dearest forecast). `barred` holds the models that may
    not be asked, each with the reason; a model less likely to succeed than `p_floor` is asked only where no
    other can be, and then the likeliest is. `forgotten` are attempts that still count against the limits.
    `cards` hold the prices; `pointed_to` is the model that the task's type points to, where it points to one;
    `joint` is what was learnt about asking several models, None where nothing was.
    """

    task: Task
    forecasts: tuple[Forecast, ...]
    attempts: tuple[Attempt, ...] = ()
    limits: Limits = field(default_factory=Limits)
    elapsed_s: float = 0.0
    usd_scale: float | None = None
    barred: Mapping[str, str] = field(default_factory=dict)
    p_floor: float = 0.0
    forgotten: tuple[Attempt, ...] = ()
    cards: Mapping[str, ModelCard] = field(default_factory=dict)
    pointed_to: str | None = None
    joint: Joint | None = None

    def answered(self) -> tuple[Attempt, ...]:
        """Return the attempts that have an answer, in the order they were made."""
        return tuple(attempt for attempt in self.attempts if attempt.text is not None)

    def best(self) -> Attempt | None:
        """Return the answer of highest confidence, the earliest among equals; None without an answer."""
        return max(self.answered(), key=lambda attempt: attempt.confidence or 0.0, default=None)

    def failures(self) -> str:
        """Return one line that says which models failed and why; empty if none did."""
        return "; ".join(f"{a.model} failed: {a.error}" for a in self.attempts if a.text is None)

    def open(self) -> tuple[Forecast, ...]:
        """Return the forecasts of models that may be asked now, in catalogue order.

        They have not been asked yet, are not barred, their call fits what is left, and they reach `p_floor`.
        """
        left = [forecast for forecast in self.untried() if self.fits([forecast])]
        reaching = tuple(forecast for forecast in left if forecast.p_success >= self.p_floor)
        if reaching or not left:
            return reaching
        return (min(left, key=lambda f: (-f.p_success, f.usd, f.model)),)

    def untried(self) -> tuple[Forecast, ...]:
        """Return the forecasts of models that are neither asked nor barred, whatever the limits say."""
        known = {attempt.model for attempt in (*self.attempts, *self.forgotten)} | self.barred.keys()
        return tuple(forecast for forecast in self.forecasts if forecast.model not in known)

    def fits(self, calls: Iterable[Forecast]) -> bool:
        """Tell whether these calls, made at once, stay within the limits even at the forecasts' upper bounds.

        A latency that nobody knows (NaN) is not forecast to break a deadline that has not passed yet.
        """
        return not self.broken_by(tuple(calls))

    def broken_by(self, calls: Sequence[Forecast]) -> str:
        """Return the limit that these calls, made at once, might break, in words; empty if none."""
        limits = self.limits
        if limits.max_attempts is not None and self._n_made() + len(calls) > limits.max_attempts:
            return f"max_attempts {limits.max_attempts} is used up"
        if limits.max_usd is not None:
            usd = self.spent_usd() + sum(call.usd_bound for call in calls)
            if usd > limits.max_usd:
                return f"might bring the cost to ${usd:.3g}, over max_usd {limits.max_usd:g}"
        return "" if limits.deadline_s is None else self._lateness(calls, limits.deadline_s)

    def _lateness(self, calls: Sequence[Forecast], deadline_s: float) -> str:
        waits = [call.latency_bound_s for call in calls if not math.isnan(call.latency_bound_s)]
        latency_s = self.elapsed_s + max(waits, default=0.0)
        if latency_s <= deadline_s and self.elapsed_s < deadline_s:
            return ""  # a deadline that is reached leaves no time for any call
        return f"might bring the time to {latency_s:.3g} s, over deadline_s {deadline_s:g}"

    def spent_usd(self) -> float:
        """Return what this request may have cost so far: where nobody knows, as much as the call was allowed."""
        made = (*self.attempts, *self.forgotten)
        return sum(self._most(attempt) + sum(one.usd for one in attempt.evidence) for attempt in made)

    def _most(self, attempt: Attempt) -> float:
        if not attempt.usd_estimated:
            return attempt.usd
        if attempt.usd_at_most is not None:
            return attempt.usd_at_most
        return max([attempt.usd, *(f.usd_bound for f in self.forecasts if f.model == attempt.model)])

    def dead_end(self) -> str:
        """Return one line that says why no further model can be asked: what failed, what is barred, what is too dear."""
        shut = [f"{model} is left out: {reason}" for model, reason in self.barred.items()]
        shut += [f"{f.model} {broken}" for f in self.untried() if (broken := self.broken_by((f,)))]
        failures = self.failures()
        if not failures:
            return f"{NOTHING_FITS} ({'; '.join(shut)})" if shut else NOTHING_FITS
        return "; ".join([failures, *shut])

    def _n_made(self) -> int:
        checks = sum(one.model is not None for attempt in self.attempts for one in attempt.evidence)
        return len(self.attempts) + len(self.forgotten) + checks

    def agreeing(self, attempt: Attempt) -> tuple[Attempt, ...]:
        """Return the answers that come to the same as this one, itself included, in the order they were made."""
        return tuple(
            one
            for one in self.answered()
            if one is attempt or same_answer(self.task.prompt, attempt.text or "", one.text or "")
        )

    def reading(self, forecast: Forecast, *answers: Attempt) -> Forecast:
        """Return the forecast of a call that reads these answers beside the prompt: dearer by those tokens."""
        card = self.cards.get(forecast.model)
        if card is None:
            return forecast
        tokens = REQUEST_TOKENS + sum(len(a.text or "") for a in answers) / CHARACTERS_PER_TOKEN
        more = card.usd(tokens, 0.0)
        return replace(forecast, usd=forecast.usd + more, usd_high=forecast.usd_bound + more)

    def checkers(self, attempt: Attempt) -> tuple[Forecast, ...]:
        """Return the forecasts of checks of this answer that may be made now, in catalogue order.

        No model checks its own answer, nor one answer twice; a check is forecast to cost what an answer would.
        """
        done = {attempt.model, *(one.model for one in attempt.evidence)}
        return tuple(call for call in self._readers(attempt) if call.model not in done)

    def writers(self, *sources: Attempt) -> tuple[Forecast, ...]:
        """Return the forecasts of syntheses of these answers that may be made now, at most one by each model."""
        done = {attempt.model for attempt in (*self.attempts, *self.forgotten) if attempt.sources}
        return tuple(call for call in self._readers(*sources) if call.model not in done)

    def _readers(self, *answers: Attempt) -> tuple[Forecast, ...]:
        failed = {attempt.model for attempt in (*self.attempts, *self.forgotten) if attempt.text is None}
        shut = failed | self.barred.keys()
        calls = (self.reading(f, *answers) for f in self.forecasts if f.model not in shut)
        return tuple(call for call in calls if self.fits([call]))

    def utility(self, forecast: Forecast) -> float:
        """Return dial * p_success - (1 - dial) * usd / usd_scale."""
        dial = self.limits.dial
        return dial * forecast.p_success - (1.0 - dial) * forecast.usd / self._scale()

    def _scale(self) -> float:
        return self.usd_scale or max((other.usd for other in self.forecasts), default=0.0) or 1.0

    def preferred(self, forecasts: Iterable[Forecast]) -> Forecast | None:
        """Return the forecast of highest utility; ties go to the cheaper model, then to the name."""
        dial, scale = self.limits.dial, self._scale()
        return min(
            forecasts,
            key=lambda f: ((1.0 - dial) * f.usd / scale - dial * f.p_success, f.usd, f.model),
            default=None,
        )

    def without_failures(self) -> Situation:
        """Return the same situation as if the models that failed did not exist; the limits remember them."""
        failed = tuple(attempt for attempt in self.attempts if attempt.text is None)
        if not failed:
            return self
        return replace(self, attempts=self.answered(), forgotten=self.forgotten + failed)


@dataclass(frozen=True, slots=True)
class Ask:
    """Call these models, all at once.

    `check` says that the verifier's confidence decides what comes next; without it the answer may reach the
    caller while it is being written (it is verified all the same, for the record).

    `hedge` are stand-ins for a single model: they are called if it has not answered after `after_s` seconds. The
    first answer ends the race, and the calls still open are cancelled. With `sources` a single model is shown
    these answers beside the prompt and writes one from them.
    """

    models: tuple[str, ...]
    check: bool = True
    hedge: tuple[str, ...] = ()
    after_s: float = 0.0
    sources: tuple[Attempt, ...] = ()

    def __post_init__(self) -> None:
        if (self.hedge or self.sources) and len(self.models) != 1:
            raise UsageError(f"Ask has models {self.models!r}; stand-ins and sources need exactly one model")
        if self.hedge and not (self.after_s >= 0.0 and not self.sources):
            raise UsageError(f"after_s is {self.after_s!r}; stand-ins of an answer start after 0 s or later")


@dataclass(frozen=True, slots=True)
class Check:
    """Ask the model `by` whether this attempt's answer is right; what it says becomes evidence on the attempt."""

    attempt: Attempt
    by: str


@dataclass(frozen=True, slots=True)
class Accept:
    """Return this attempt to the caller."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The strategy has no further move; the fallback node takes over. `reason` is one line."""

    reason: str


Move = Ask | Check | Accept | GiveUp


NOTHING_FITS = "no model that has not been asked fits the budget and the deadline"
