"""The JSON Schema of what is written, against what is written."""

import json

import jsonschema
import numpy as np
import pytest

from router_training.evaluation import evaluate_choices
from router_training.judging.comparison import Way, compare
from router_training.judging.controls import Grid
from router_training.judging.equal_quality import CrossFitted
from router_training.reporting.schema import DOCUMENTS, json_schema

RNG = np.random.default_rng(0)
QUALITY, USD = (RNG.random((50, 2)) < 0.5).astype(float), RNG.random((50, 2))
GRID = Grid(("a", "b"), QUALITY, USD, USD * np.nan, ("x",) * 50)


def documents():
    choices = np.stack([QUALITY.argmin(axis=1), QUALITY.argmax(axis=1)])
    dials = np.array([0.0, 1.0])
    given = {"twin_choices": choices, "p_success": QUALITY * 0.5, "equal": CrossFitted(choices[1], 0.9)}
    yield "evaluation", evaluate_choices(GRID, choices, dials, n_boot=5, **given).as_dict()
    yield "evaluation", evaluate_choices(GRID, choices, dials, n_boot=0).as_dict()
    ways = [Way("one", USD[:, 0], QUALITY[:, 0]), Way("two", USD[:, 1] * 0, QUALITY[:, 1])]
    yield "comparison", compare(GRID, ways, 1, n_boot=5).as_dict()


@pytest.mark.parametrize(("name", "document"), list(documents()))
def test_what_is_written_obeys_the_schema_and_nothing_else_does(name, document):
    schema = json_schema(DOCUMENTS[name])
    jsonschema.Draft202012Validator.check_schema(schema)
    written = json.loads(json.dumps(document))
    jsonschema.validate(written, schema)
    for broken in (
        {**written, "extra": 1},
        {**written, "schema": 2},
        {k: written[k] for k in list(written)[1:]},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema)


def test_every_part_says_what_it_means():
    schema = json_schema(DOCUMENTS["evaluation"])
    assert "hull" in schema["description"]
    assert all(part["description"] for part in schema["$defs"].values())
