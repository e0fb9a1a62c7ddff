"""What a report says in words: would routing pay, at what, and what nobody measured."""

from __future__ import annotations

import math

import numpy as np

from router_training.judgement import Judgement
from router_training.judging.bootstrap import Interval
from router_training.judging.evaluation_result import Evaluation, Operating


def saving_sentence(evaluation: Evaluation) -> str:
    """Return what routing would save where it aims at equal quality, with both intervals, or that it would not pay."""
    if not evaluation.pays:
        return _not_paying(evaluation)
    equal, best = evaluation.equal_quality, evaluation.best.name
    if equal is None or not equal.cost_share_of_best.value < 1.0:
        return (
            f"Routing pays, but not at equal quality: no dial reaches {best} for less, while "
            f"at the same cost the router answers better than any mix of single models on average, by {_points(evaluation.lift)}."
        )
    saved = equal.cost_share_of_best.complement()
    claim = f"Routing would save {_percent(saved)} of what always asking {best} costs"
    if not saved.low > 0.0:
        claim = f"Routing might save {_percent(saved)} of what always asking {best} costs, which includes 0"
    return f"{claim}, {_at_quality(equal)}."


def _not_paying(evaluation: Evaluation) -> str:
    lift, best = evaluation.lift, evaluation.best.name
    if lift.high < 0.0:
        return f"Routing would not pay here: a mix of single models is better at the same cost ({_points(lift)} on average)."
    return (
        "Routing would not be sure to pay here: its gain over mixes of single models at the same cost is "
        f"{_points(lift)} on average, which includes 0; {best} alone may do as well."
    )


def _at_quality(equal: Operating) -> str:
    gain = equal.gain_over_best
    if gain.low > 0.0:
        return f"and answer better, by {_points(gain)[1:]}"
    if gain.high < 0.0:
        return f"but answer worse, by {_points(gain)[1:]}"
    return f"at a quality not surely different: {_points(gain)}"


def basis_sentence(evaluation: Evaluation) -> str:
    """Return on what the saving rests: who chose the dial, and what is luck."""
    parts = []
    if evaluation.equal_quality is not None:
        dial = evaluation.equal_quality.point.dial
        parts.append(
            f"For each fifth of the {evaluation.n_tasks:,} held-out tasks the other four fifths chose the dial "
            f"(about {dial:.2f}), so that nothing is judged on the tasks that chose its threshold."
        )
    learned = evaluation.learned_lift
    if learned is not None:
        held = "more" if learned.low > 0.0 else "but not surely more"
        parts.append(
            f"Over its whole range the router gains {_points(evaluation.lift)} over mixes of single models, {held} than "
            f"its twin that was trained on shuffled labels: {_points(learned)} beyond it."
        )
    return " ".join(parts)


def not_measured(judgement: Judgement) -> list[str]:
    """Return what the figures do not know, a sentence each."""
    evaluation, table = judgement.evaluation, judgement.table
    known = [
        (
            evaluation.n_left_out > 0,
            f"{evaluation.n_left_out:,} tasks on which some model has no grade or no cost: they are left out.",
        ),
        (
            not np.isfinite(table.latency_s).any(),
            "How long answers take: the outcomes hold no latency.",
        ),
        (
            np.isnan(table.cost_usd).any(),
            "What some answers cost: where no cost was recorded, it is tokens times the card's prices.",
        ),
        (
            not np.isfinite(table.completion_tokens).any(),
            "Tokens: the outcomes count none, so a changed price is applied to forecast tokens.",
        ),
        (evaluation.twin_lift is None, "What shuffled labels would gain: there is no twin of this router."),
        (
            not any(table.task_types) and not any(table.sources),
            "How the router does on kinds of tasks: the outcomes name neither task types nor sources.",
        ),
    ]
    always = [
        "Whether grades are right: a grade is taken as it was given, and one answer per model and task is all there is, so "
        "chance in what a model says counts as its quality.",
        "Prompt caches, retries, failures and the time that routing itself takes (some milliseconds).",
        "Tasks unlike these: the figures hold for prompts drawn as these were.",
    ]
    return [sentence for holds, sentence in known if holds] + always


def _percent(share: Interval) -> str:
    if math.isnan(share.low):
        return f"{share.value:.0%}"
    return f"{share.value:.0%} (95% interval {share.low:.0%} to {share.high:.0%})".replace("-", "−")


def _points(gain: Interval) -> str:
    value, low, high = (
        f"{100.0 * bound:+.1f}".replace("-", "−") for bound in (gain.value, gain.low, gain.high)
    )
    if math.isnan(gain.low):
        return f"{value} points"
    return f"{value} points ({low} to {high})"
