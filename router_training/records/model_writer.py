"""Makes the folder of a registered router an MLflow model. Imported by `tracking` alone, which sets MLflow's environment."""

from __future__ import annotations

import warnings
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

LIBRARIES = ("pointsman", "mlflow", "numpy", "onnxruntime", "pandas", "scikit-learn", "tokenizers")
EXAMPLE = pd.DataFrame({"prompt": ["What is 17 + 25? Reply with the number."]})
OUTPUT = {"model": "string", "p_success": "double", "usd": "double", "novelty": "double"}


def write_model(folder: Path) -> None:
    """Write into `folder`, which must not exist, the code, signature, example and requirements of a router.

    The policy itself is expected in its subfolder `policy`, where it is logged next.
    """
    code = find_spec("router_training.routing_model")
    assert code is not None and code.origin is not None, "the file lies beside this package"
    signature = ModelSignature(
        inputs=Schema([ColSpec(DataType.string, "prompt")]),
        outputs=Schema([ColSpec(DataType[kind], name) for name, kind in OUTPUT.items()]),
        params=ParamSchema([ParamSpec("dial", DataType.double, 0.8)]),
    )
    with warnings.catch_warnings():  # mlflow warns of type hints of its own
        warnings.simplefilter("ignore", UserWarning)
        from mlflow import pyfunc  # spares readers of records its import

        pyfunc.save_model(
            str(folder), python_model=code.origin, signature=signature, pip_requirements=requirements()
        )
    model = Model.load(str(folder))
    model.flavors["python_function"]["artifacts"] = {"policy": {"path": "policy", "uri": "policy"}}
    EXAMPLE.to_json(folder / "input_example.json", orient="split", index=False)
    model.saved_input_example_info = {
        "artifact_path": "input_example.json",
        "pandas_orient": "split",
        "type": "dataframe",
    }
    model.save(str(folder / "MLmodel"))


def requirements() -> list[str]:
    """Return what serving needs, pinned to what is installed here."""
    pinned = []
    for name in LIBRARIES:
        try:
            pinned.append(f"{name}=={version(name).partition('+')[0]}")
        except PackageNotFoundError:  # run from a source tree that is not installed
            continue
    return pinned
