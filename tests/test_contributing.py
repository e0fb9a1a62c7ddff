"""The recipe of .github/CONTRIBUTING.md, followed to the letter in a temporary folder."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from orchestrator import strategies
from orchestrator.graph import build_graph
from orchestrator.models import ModelError, ScriptedModel
from router_training.contract import ModelCard

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / ".github" / "CONTRIBUTING.md"
CARDS = {"slow": ModelCard("slow", 1.0, 1.0), "quick": ModelCard("quick", 1.0, 1.0)}


@pytest.fixture
def eighth(tmp_path, monkeypatch):
    """Return the folder with the recipe's strategy in it, called `quickest`, where strategies are looked for."""
    (code,) = re.findall(r"   ```python\n(.*?)\n   ```", RECIPE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "quickest.py").write_text(textwrap.dedent(code), encoding="utf-8")
    monkeypatch.setattr(strategies, "__path__", [*strategies.__path__, str(tmp_path)])
    yield tmp_path
    sys.modules.pop("orchestrator.strategies.quickest", None)


def test_a_new_file_is_a_strategy_that_the_graph_runs(eighth):
    assert "quickest" in strategies.available()
    assert strategies.summary("quickest").startswith("The fastest model")
    models = {name: ScriptedModel(label=name, script=f"{name} answer") for name in CARDS}
    state = build_graph(catalogue=CARDS, models=models, strategy="quickest").invoke({"input": "hi"})
    assert (state["model"], state["path"]) == ("quick", ["router", "quick", "verifier"])


def test_a_new_strategy_composes_with_the_others(eighth):
    models = {
        "quick": ScriptedModel(label="quick", script=ModelError("down")),
        "slow": ScriptedModel(label="slow", script="slow answer"),
    }
    state = build_graph(catalogue=CARDS, models=models, strategy="fallback(quickest)").invoke({"input": "hi"})
    assert state["model"] == "slow" and "fallback" not in state["path"]


def test_the_laws_find_a_new_strategy_unnamed(eighth):
    program = (
        "import sys, pytest, orchestrator.strategies as s; s.__path__.append(sys.argv[1]);"
        "sys.exit(pytest.main(['tests/test_strategies.py', '-q', '-k', 'quickest', '-p', 'no:cacheprovider']))"
    )
    command = [sys.executable, "-c", program, str(eighth)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "4 passed" in done.stdout, done.stdout
