"""The examples in README run as they are written and print what README says; its picture and table are true."""

import re
from pathlib import Path

import pytest

from orchestrator.graph import build_graph
from orchestrator.models import ScriptedModel
from orchestrator.strategies import available

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n((?:(?!```).)*?print\(.*?)```\s+```text\n(.*?)```", README, re.DOTALL)
PATTERN, _ = EXAMPLES[0]


def test_examples_print_what_readme_says_one_after_the_other(capsys):
    names = {}
    for example, printed in EXAMPLES:
        exec(compile(example, "README.md", "exec"), names)
        assert capsys.readouterr().out == printed


def test_the_picture_of_the_graph_is_the_one_that_the_graph_draws():
    models = {name: ScriptedModel(label=name) for name in ("cheap", "strong")}
    picture = build_graph(models=models).get_graph().draw_mermaid()
    assert f"```mermaid\n{picture.rstrip()}\n```" in README


def test_every_strategy_in_the_table_exists():
    table = README.partition("| strategy | meaning |")[2].partition("\n\n")[0]
    named = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert len(named) >= 7 and set(named) <= set(available())


@pytest.mark.parametrize(
    ("task_type", "model"), [("quick", "fast"), ("complex", "strong"), ("cheap", "cheap")]
)
def test_each_task_type_of_the_example_leads_to_its_model_then_the_verifier(task_type, model, capsys):
    names = {}
    exec(compile(PATTERN.replace('"complex"', repr(task_type)), "README.md", "exec"), names)
    state = names["state"]
    assert state["path"] == ["router", model, "verifier"] and state["result"].startswith(f"[{model}]")
    assert 0.0 <= state["confidence"] <= 1.0
