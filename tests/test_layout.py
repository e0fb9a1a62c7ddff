"""What the tree promises: cheap imports where they must be cheap, and no Python under datasets/."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = (
    "torch",
    "sklearn",
    "mlflow",
    "langgraph",
    "pandas",
    "sentence_transformers",
    "onnxruntime",
    "matplotlib",
)


def loaded_by(statement: str) -> set[str]:
    """Return which heavy libraries a fresh interpreter holds after running `statement`."""
    program = f"import sys\n{statement}\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import router_training.contract",
        "import orchestrator.strategies, orchestrator.moves; orchestrator.strategies.load('cascade')",
        "import orchestrator.cli",
    ],
)
def test_light_modules_load_no_heavy_library(statement):
    assert loaded_by(statement) == set()


def test_datasets_holds_data_and_no_python():
    assert not list((ROOT / "datasets").rglob("*.py"))


def test_the_project_does_not_pose_as_hugging_faces_datasets():
    found = importlib.util.find_spec("datasets")
    assert found is None or not str(found.origin).startswith(str(ROOT))
    assert found is None or found.origin is not None, "datasets/ at the root is importable as a ghost package"


def test_every_data_set_has_a_datasheet():
    for folder in (ROOT / "datasets").iterdir():
        assert not folder.is_dir() or (folder / "README.md").is_file(), f"{folder.name} has no README.md"
