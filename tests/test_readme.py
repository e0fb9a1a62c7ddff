"""The example of the pattern in README runs as it is written and prints what README says."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
(EXAMPLE, PRINTED), *OTHERS = re.findall(
    r"```python\n((?:(?!```).)*?print\(.*?)```\s+```text\n(.*?)```", README, re.DOTALL
)


def test_the_example_of_the_pattern_prints_what_readme_says(capsys):
    exec(compile(EXAMPLE, "README.md", "exec"), {})
    assert capsys.readouterr().out == PRINTED


@pytest.mark.parametrize(
    ("task_type", "model"), [("quick", "fast"), ("complex", "strong"), ("cheap", "cheap")]
)
def test_each_task_type_of_the_example_leads_to_its_model_then_the_verifier(task_type, model, capsys):
    names = {}
    exec(compile(EXAMPLE.replace('"complex"', repr(task_type)), "README.md", "exec"), names)
    state = names["state"]
    assert state["path"] == ["router", model, "verifier"] and state["result"].startswith(f"[{model}]")
    assert 0.0 <= state["confidence"] <= 1.0
