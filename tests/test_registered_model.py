"""The registered router is an MLflow model: it routes prompts wherever MLflow runs one."""

import mlflow
import pandas as pd
import pytest
from mlflow.models import Model

PROMPTS = ["What is 17 plus 25?", "Write poem number 3 about rain in 99 words."]


@pytest.fixture
def champion(store, two_kinds_policy, tmp_path):
    """Register the policy, make it champion, and point mlflow's own functions at the records."""
    two_kinds_policy.save(tmp_path / "policy")
    store.promote(store.log_training(tmp_path / "policy").version)
    mlflow.set_tracking_uri(store.uri)
    yield "models:/router@champion"
    mlflow.set_tracking_uri(None)


def test_mlflow_loads_it_and_it_chooses_as_the_policy_does(champion, two_kinds_policy):
    model = mlflow.pyfunc.load_model(champion)
    for dial in (0.0, 0.8, 1.0):
        found = model.predict(pd.DataFrame({"prompt": PROMPTS}), params={"dial": dial})
        assert found["model"].tolist() == two_kinds_policy.choose(PROMPTS, dial)
    assert list(found.columns) == ["model", "p_success", "usd", "novelty"]
    assert found["p_success"].between(0, 1).all()


def test_it_has_a_signature_an_example_and_pinned_requirements_and_no_pickle(champion, store):
    folder = store.champion().path.parent
    about = Model.load(str(folder))
    assert about.signature.inputs.input_names() == ["prompt"]
    assert about.signature.params.to_dict()[0]["name"] == "dial"
    assert about.load_input_example(str(folder))["prompt"].str.len().gt(0).all()
    pinned = (folder / "requirements.txt").read_text().splitlines()
    assert any(line.startswith("onnxruntime==") for line in pinned) and all("==" in line for line in pinned)
    assert not [file for file in folder.rglob("*") if file.suffix in (".pkl", ".pickle", ".joblib")]


def test_a_frame_without_prompts_is_refused_by_its_signature(champion):
    with pytest.raises(mlflow.MlflowException, match="prompt"):
        mlflow.pyfunc.load_model(champion).predict(pd.DataFrame({"text": PROMPTS}))
