"""The types that both packages speak: what was asked, who can be asked, how it went, what to expect.

Imports the standard library and numpy only, so that serving can import it for free.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Vectors = NDArray[np.float32]

HASHED = "sha256:"
"""What stands before the digest of a text that was not kept."""
SHADOW = "shadow"
"""The source of an outcome that nobody saw: a second model was asked in the shadow of the one that served."""


class PointsmanError(Exception):
    """Something that the user can mend; the message gives the value, the rule and the remedy.

    PointsmanError
    ├── DataError      outcomes, tasks or a models file that cannot be used
    ├── UsageError     an argument outside its range, an unknown name
    └── ModelError     a model did not answer (see orchestrator.models)
    """


class DataError(PointsmanError):
    """Raised when a file or table cannot be used as it is."""


class UsageError(PointsmanError, ValueError):
    """Raised when an argument is outside its range or names something unknown."""


@dataclass(frozen=True, slots=True)
class Task:
    """One prompt with what is known of it.

    `reference` is read by the grader called `grader`; both are absent in live traffic. `json_schema`, as JSON text, is
    what the request says that the answer must fit; `messages`, as JSON text, the conversation that the prompt ends.
    """

    prompt: str
    task_id: str = ""
    task_type: str | None = None
    reference: str | None = None
    grader: str | None = None
    json_schema: str | None = None
    messages: str | None = None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model that the user can call. Prices are USD per million tokens.

    `model` is what the endpoint calls it (default: `name`); `api_key_env` names the environment variable
    that holds the key. `provider` is a LangChain provider name ("openai" covers every OpenAI-compatible server).
    `context_tokens` None and `languages` empty are not declared: any length, any language; a language is a code ("de").
    `timeout_s` is what a call may take, its retries included; `logprobs` asks the endpoint for those of its tokens.
    `prices_source` and `prices_date` (YYYY-MM-DD) say who knew the prices, and when they were right.
    `requests_per_minute` and `max_concurrency` are what its endpoint allows; labelling keeps to them.
    """

    name: str
    usd_per_mtok_in: float
    usd_per_mtok_out: float
    usd_per_mtok_in_cached: float | None = None
    context_tokens: int | None = None
    capabilities: frozenset[str] = frozenset({"text"})
    languages: frozenset[str] = frozenset()
    provider: str = "openai"
    model: str = ""
    base_url: str | None = None
    api_key_env: str | None = None
    system_prompt: str | None = None
    max_tokens: int | None = None
    temperature: float = 0.0
    timeout_s: float = 120.0
    roles: tuple[str, ...] = ()
    logprobs: bool = False
    prices_source: str | None = None
    prices_date: str | None = None
    requests_per_minute: float | None = None
    max_concurrency: int | None = None

    def __post_init__(self) -> None:
        # what a table of prices holds are numpy's numbers, which no checkpointer keeps
        for field_ in fields(self):
            if isinstance(value := getattr(self, field_.name), np.generic):
                object.__setattr__(self, field_.name, value.item())

    def usd(self, prompt_tokens: float, completion_tokens: float, cached_tokens: float = 0.0) -> float:
        """Return the price in USD of one call; of the prompt tokens, `cached_tokens` were in the prompt cache."""
        saved = (
            0.0 if self.usd_per_mtok_in_cached is None else self.usd_per_mtok_in - self.usd_per_mtok_in_cached
        )
        read = self.usd_per_mtok_in * prompt_tokens - saved * cached_tokens
        return (read + self.usd_per_mtok_out * completion_tokens) / 1e6


Catalogue = Mapping[str, ModelCard]


LABEL_SOURCES = ("gold", "human", "verifier", "judge")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one model did on one task. `quality` is None when the answer or its grade is missing."""

    task_id: str
    prompt: str
    model: str
    quality: float | None
    task_type: str | None = None
    reference: str | None = None
    cost_usd: float | None = None
    latency_s: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    response: str | None = None
    source: str | None = None
    label_source: str = "gold"
    propensity: float | None = None
    time: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the policy expects of one model on one task.

    `p_success` and `novelty` lie in [0, 1]; novelty is the share of training prompts that lay closer to
    the rest of the training set than this prompt does. `usd_high` and `latency_high_s` are what 95% of such
    calls stay below; None where nobody knows more than the expected value. `task_type` is the task's type as
    predicted, None where none was.
    """

    model: str
    p_success: float
    usd: float
    latency_s: float
    novelty: float = 0.0
    usd_high: float | None = None
    latency_high_s: float | None = None
    task_type: str | None = None

    @property
    def usd_bound(self) -> float:
        """The price in USD to reckon with before the call: `usd_high`, or `usd` where that is unknown."""
        return self.usd if self.usd_high is None else max(self.usd, self.usd_high)

    @property
    def latency_bound_s(self) -> float:
        """The seconds to reckon with before the call; NaN where no latency is known."""
        return self.latency_s if self.latency_high_s is None else self.latency_high_s


@dataclass(frozen=True)
class Forecasts:
    """Forecasts of n prompts and m models: arrays of shape (n, m); `novelty` has shape (n,).

    `usd_high` and `latency_high_s`, if known, are 95% quantiles; `task_types` (n,) are predicted, empty if not.
    """

    models: tuple[str, ...]
    p_success: FloatArray
    usd: FloatArray
    latency_s: FloatArray
    novelty: FloatArray
    usd_high: FloatArray | None = None
    latency_high_s: FloatArray | None = None
    task_types: tuple[str | None, ...] = ()

    def __len__(self) -> int:
        return len(self.p_success)

    def row(self, i: int) -> tuple[Forecast, ...]:
        """Return the forecasts of prompt `i`, one per model, in the order of `models`."""
        return tuple(
            Forecast(
                model,
                float(self.p_success[i, j]),
                float(self.usd[i, j]),
                float(self.latency_s[i, j]),
                float(self.novelty[i]),
                None if self.usd_high is None else float(self.usd_high[i, j]),
                None if self.latency_high_s is None else float(self.latency_high_s[i, j]),
                self.task_types[i] if self.task_types else None,
            )
            for j, model in enumerate(self.models)
        )


HUMAN = "human"
"""The kind of evidence that a person gave."""
GOLD = "gold"
"""The kind of evidence that a comparison with the reference answer gave."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one verifier found in an answer.

    `p_correct` in [0, 1] or None when this kind of evidence is absent; `reason` is one line; `model` is the
    model that was asked for it, if one was.
    """

    kind: str
    p_correct: float | None
    reason: str
    usd: float = 0.0
    latency_s: float = 0.0
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Why a model was chosen: forecasts, the dial, and the probability with which this choice is made.

    `barred` holds the models that could not be asked, each with the reason.
    """

    model: str
    dial: float
    propensity: float
    reason: str
    forecasts: tuple[Forecast, ...] = field(default=())
    barred: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that a model called: `args` as JSON text, `call_id` as the endpoint gave it.

    `result` is what the tool returned, or the error that the model was told; None where the call was not run here,
    because it is the caller's to run or a limit was reached.
    """

    name: str
    args: str
    call_id: str
    result: str | None = None
    latency_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One finished model call inside a request; with tools, all calls until its answer: sums of tokens, USD, seconds.

    `text` is None when the call failed, and `error` then says why; `confidence` is None until verified.
    `recorded` marks an answer that was replayed, not asked for now; `finish_reason` is the endpoint's own word
    ("stop", "length", ...). `failure` names the kind of a failed call (`orchestrator.failures.KINDS`);
    `usd_estimated` says that nobody knows whether and what the provider charged for a try without an answer, and that
    `usd` holds the forecast for each such try; it is no more than `usd_at_most`, where the call was bounded.
    `tool_calls` are in the order made; `message_id` is how the endpoint calls the answer.
    `delay_s` is how long after the move the call began; a `cancelled` call was stopped because another answered
    first. `sources` are the models whose answers this one was written from. `mean_logprob` and `min_logprob` are of the
    answer's tokens, at most 0; None where the endpoint does not tell them.
    """

    model: str
    text: str | None
    confidence: float | None = None
    error: str | None = None
    usd: float = 0.0
    latency_s: float = 0.0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    evidence: tuple[Evidence, ...] = ()
    recorded: bool = False
    finish_reason: str | None = None
    failure: str | None = None
    usd_estimated: bool = False
    usd_at_most: float | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    message_id: str | None = None
    delay_s: float = 0.0
    cancelled: bool = False
    sources: tuple[str, ...] = ()
    mean_logprob: float | None = None
    min_logprob: float | None = None


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A finished request as feedback keeps it; `time`, ISO 8601 in UTC, is when it finished.

    `reference` is what should have been answered, where someone said so. `verified` is the verifier's confidence in an
    answer that a person or a reference has judged since, for `confidence` then is their word.
    `shadow_of` is the trace id of the request in whose shadow this answer was asked for; None where it was served.
    """

    trace_id: str
    time: str
    prompt: str
    strategy: str
    decision: Decision
    attempts: tuple[Attempt, ...]
    result: str
    model: str | None
    confidence: float | None
    usd: float
    latency_s: float
    task_type: str | None = None
    policy_version: str | None = None
    data_digest: str | None = None
    price_digest: str | None = None
    reference: str | None = None
    verified: float | None = None
    shadow_of: str | None = None


class SuccessModel(Protocol):
    """Learns P(success) of every model from features; one file in success_models/ each.

    scikit-learn in shape: the constructor stores, `fit` learns and returns self, `clone` works.
    """

    def fit(self, X: Vectors, quality: FloatArray) -> Self:
        """Learn from X (n, d) and quality (n, m) in [0, 1]; NaN marks a missing outcome."""
        ...

    def predict(self, X: Vectors) -> FloatArray:
        """Return P(success), shape (n, m), in [0, 1]."""
        ...

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's options by name."""
        ...

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was learned as plain arrays."""
        ...

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild a fitted estimator from `to_arrays`."""
        ...


class Forecaster(Protocol):
    """What serving needs of a policy."""

    def forecast(self, prompts: Sequence[str]) -> Forecasts:
        """Return forecasts for n prompts."""
        ...
