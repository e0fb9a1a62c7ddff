"""Gold in three parts, and what of the feedback may be learned from."""

from collections import Counter
from dataclasses import replace
from itertools import chain

import pytest

from router_training.contract import HASHED, SHADOW, DataError, Outcome
from router_training.outcomes import OutcomeTable
from router_training.tables.merging import (
    LATER,
    TEST_SHARE,
    decayed,
    merge_feedback,
    three_parts,
    with_more_gold,
)
from router_training.tables.near_duplicates import near_duplicate_groups


def gold(n: int = 40) -> OutcomeTable:
    return OutcomeTable.from_outcomes(
        Outcome(f"t{i}", f"{'QUESTION' if i % 2 else 'Question'} {i // 2}", model, quality=float(i % 3 == 0))
        for i in range(n)
        for model in ("large", "small")
    )


def said(
    prompt: str, *, model: str = "small", quality: float | None = 0.7, time: str = "2026-01-01"
) -> Outcome:
    return Outcome(f"trace of {prompt}", prompt, model, quality, time=time, label_source="verifier")


def test_no_prompt_or_near_duplicate_lies_in_two_parts():
    parts = three_parts(gold())
    prompts = {name: getattr(parts, name).prompts for name in ("train", "traffic", "gate")}
    assert sorted(chain(*prompts.values())) == sorted(gold().prompts)
    part_of = [name for name, texts in prompts.items() for _ in texts]
    groups = near_duplicate_groups(list(chain(*prompts.values()))).tolist()
    assert len(set(zip(groups, part_of, strict=True))) == len(set(groups)) < len(groups)


def test_the_training_part_is_that_of_training():
    assert three_parts(gold(), 3).train.digest == gold().split(TEST_SHARE, 3)[0].digest


def test_the_same_seed_finds_the_same_gate_again():
    assert three_parts(gold(), 1).gate.digest == three_parts(gold(), 1).gate.digest
    assert three_parts(gold(), 1).gate.digest != three_parts(gold(), 2).gate.digest


def test_two_prompts_are_too_few_for_three_parts():
    with pytest.raises(DataError, match="a split needs at least two different prompts"):
        three_parts(gold(2 * 2))


def test_feedback_adds_tasks_that_gold_does_not_know():
    parts = three_parts(gold())
    merged = merge_feedback(
        parts, [said("A new question"), said("A new question", model="large", quality=0.2)]
    )
    assert len(merged.table) == len(parts.train) + 1
    assert (merged.n_feedback, dict(merged.left_out)) == (2, {})
    row = merged.table.prompts.index("A new question")
    assert merged.table.quality[row].tolist() == [0.2, 0.7]
    assert set(merged.table.frame["label_source"]) == {"gold", "verifier"}


def test_traffic_prompts_are_learned_from_by_their_feedback_alone():
    parts = three_parts(gold())
    prompt = parts.traffic.prompts[0]
    merged = merge_feedback(parts, [said(prompt, quality=0.42)])
    assert merged.table.quality[merged.table.prompts.index(prompt)].tolist()[1] == 0.42
    assert parts.traffic.task_ids[0] not in merged.table.task_ids


def test_gold_wins_over_feedback_on_the_same_task_and_model():
    parts = three_parts(gold())
    merged = merge_feedback(parts, [said(parts.train.prompts[0], quality=0.123)])
    assert merged.table.digest == parts.train.digest
    assert dict(merged.left_out) == {"gold or later feedback knows better": 1}


def test_nothing_like_a_gate_prompt_is_learned_from():
    parts = three_parts(gold())
    prompt = parts.gate.prompts[0]
    alike = [prompt, prompt.upper(), f"  {prompt} ", prompt.replace(" ", "  ")]
    merged = merge_feedback(parts, [said(text) for text in alike])
    assert merged.table.digest == parts.train.digest
    assert dict(merged.left_out) == {"near-duplicate of a gate prompt": len(alike)}


def test_failures_blank_prompts_and_unknown_models_teach_nothing():
    parts = three_parts(gold())
    failed = replace(said("A", quality=None), error="down")
    merged = merge_feedback(
        parts, [failed, said("A", quality=None), said(" "), said("B", model="unheard of")]
    )
    assert merged.table.digest == parts.train.digest
    assert dict(merged.left_out) == {
        "no answer: the call failed": 1,
        "answer without a label": 1,
        "prompt that was not kept": 1,
        "model without gold outcomes": 1,
    }


def test_digests_of_prompts_are_not_learned_as_prompts():
    parts = three_parts(gold())
    merged = merge_feedback(parts, [said(HASHED + 64 * "a")])
    assert merged.table.digest == parts.train.digest
    assert dict(merged.left_out) == {"prompt that was not kept": 1}


def test_the_last_word_on_a_prompt_counts():
    parts = three_parts(gold())
    merged = merge_feedback(parts, [said("A new question", quality=q) for q in (0.1, 0.9, 0.5)])
    assert merged.table.quality[merged.table.prompts.index("A new question")].tolist()[1] == 0.5
    assert merged.n_feedback == 1


def test_no_feedback_changes_nothing():
    parts = three_parts(gold())
    assert merge_feedback(parts, []).table is parts.train


def graded(numbers) -> OutcomeTable:
    return OutcomeTable.from_outcomes(
        Outcome(f"more {i}", f"Graded request number {i} about trains", model, quality=1.0)
        for i in numbers
        for model in ("large", "small")
    )


def part_of(parts):
    return {prompt: name for name in ("train", "traffic", "gate") for prompt in getattr(parts, name).prompts}


def test_further_gold_joins_every_part_and_stays_there_when_its_file_grows():
    before = part_of(with_more_gold(three_parts(gold()), [graded(range(100))]))
    after = part_of(with_more_gold(three_parts(gold()), [graded(range(160))]))
    assert before.items() <= after.items() and part_of(three_parts(gold())).items() <= before.items()
    shares = Counter(name for prompt, name in after.items() if prompt.startswith("Graded"))
    assert all(
        abs(shares[name] / 160 - share) < 0.1
        for name, share in (("train", 0.6), ("traffic", 0.2), ("gate", 0.2))
    )


def test_further_gold_like_a_gate_prompt_joins_the_gate():
    parts = three_parts(gold())
    alike = OutcomeTable.from_outcomes(
        [Outcome("again", parts.gate.prompts[0].upper(), model, quality=0.0) for model in ("large", "small")]
    )
    assert "again" in with_more_gold(parts, [alike]).gate.task_ids


def test_a_model_asked_after_an_answer_of_the_first_choice_is_no_fair_sample():
    parts = three_parts(gold())
    first = replace(said("A new question"), propensity=0.99)
    second = replace(first, model="large", propensity=None)
    assert dict(merge_feedback(parts, [first, second]).left_out) == {LATER: 1}
    failed = replace(first, quality=None)
    assert merge_feedback(parts, [failed, second]).n_feedback == 1, "after a failure it is"


def test_a_second_answer_in_the_shadow_leaves_out_nobody_who_stood_in_for_a_failed_first_choice():
    parts = three_parts(gold())
    prompt = parts.traffic.prompts[0]
    failed = replace(said(prompt, quality=None), propensity=1.0, error="timeout")
    stand_in = said(prompt, model="large")
    shadow = replace(said(prompt, quality=0.2), propensity=0.05, source=SHADOW)
    assert LATER not in merge_feedback(parts, [failed, stand_in, shadow]).left_out


def test_feedback_of_one_half_life_counts_half():
    days = [said(f"q{i}", time=f"2026-01-{1 + i % 2 * 10:02}") for i in range(2000)]
    kept = Counter(one.time for one in decayed(days, 10 * 86400.0))
    assert kept["2026-01-11"] == 1000 and 430 < kept["2026-01-01"] < 570
    assert decayed(days, 10 * 86400.0) == decayed(days, 10 * 86400.0)
    timeless = [replace(one, time=None) for one in days]
    assert decayed(timeless, 1.0) == timeless and decayed([], 1.0) == []
