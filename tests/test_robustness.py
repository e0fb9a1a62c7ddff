"""Decisions under noise that changes nothing of what is asked."""

import numpy as np
import pytest

from router_training.judging.robustness import (
    MOST_PROMPTS,
    NOISES,
    lower_case,
    politeness,
    typos,
    unchanged_decisions,
    white_space,
)

RNG = np.random.default_rng


class ByText:
    """A router that sends a prompt to the second model where `rule` holds."""

    def __init__(self, rule):
        self.rule, self.asked = rule, []

    def __call__(self, prompts):
        self.asked.append(list(prompts))
        return np.array([int(bool(self.rule(text))) for text in prompts])


def test_a_router_that_always_asks_one_model_never_changes_its_mind():
    shares = unchanged_decisions(ByText(lambda text: True), ["What is 1 + 1?", "Sort: b, a"])
    assert shares == dict.fromkeys(NOISES, 1.0)


def test_a_router_that_reads_capitals_changes_its_mind_in_small_letters_alone():
    shares = unchanged_decisions(
        ByText(lambda text: "SORT" in text), ["SORT these words now", "add two numbers"]
    )
    assert shares["lower case"] == 0.5 and shares["politeness"] == shares["white space"] == 1.0


def test_a_hundred_prompts_are_drawn_at_most_and_the_same_for_a_seed():
    prompts = [f"Please count number {i}" for i in range(3 * MOST_PROMPTS)]
    one, two = ByText(len), ByText(len)
    assert unchanged_decisions(one, prompts) == unchanged_decisions(two, prompts)
    assert one.asked == two.asked and len(one.asked[0]) == MOST_PROMPTS * (1 + len(NOISES))


@pytest.mark.parametrize("text", ["", "a b c", "naïve résumé — ŝtrange words", "x" * 5000])
def test_noise_keeps_every_letter(text):
    assert lower_case(text, RNG(0)) == text.lower()
    assert white_space(text, RNG(0)).split() == text.split()
    assert text in politeness(text, RNG(0))
    assert sorted(typos(text, RNG(0))) == sorted(text)


def test_a_typing_mistake_swaps_two_letters_inside_a_word():
    found = typos("What is the capital of Paraguay", RNG(3))
    changed = [
        i for i, (a, b) in enumerate(zip("What is the capital of Paraguay", found, strict=True)) if a != b
    ]
    assert len(changed) <= 2 and len(found.split()) == 6
