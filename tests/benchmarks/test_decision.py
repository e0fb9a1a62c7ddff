"""How long a decision takes, beside the same encoder through sentence-transformers in the same run."""

from pathlib import Path

import pytest

from router_training.catalogue import load_catalogue
from router_training.embedding import load_encoder
from router_training.outcomes import load_outcomes
from router_training.policy import fit_policy, load_policy

STARTER = Path(__file__).resolve().parents[2] / "datasets" / "starter"
PROMPT = "Please tell me how many metres there are in 3.5 kilometres, and answer only with the number."

pytestmark = pytest.mark.benchmark(group="one prompt of 20 tokens")


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("policy")
    table = load_outcomes(STARTER / "outcomes.parquet").take(range(400))
    fit_policy(table, catalogue=load_catalogue(STARTER / "models.toml")).save(folder)
    return load_policy(folder)


def test_decision(benchmark, policy):
    benchmark(policy.choose, [PROMPT])


def test_vector_alone(benchmark, policy):
    benchmark(policy.encoder.encode, [PROMPT])


def test_vector_by_sentence_transformers(benchmark):
    from sentence_transformers import SentenceTransformer

    from router_training.encoding.encoder_source import find_source

    model = SentenceTransformer(find_source("all-MiniLM-L6-v2").location, device="cpu")
    benchmark(model.encode, [PROMPT], show_progress_bar=False)


def test_encoding_a_thousand_prompts(benchmark):
    encoder = load_encoder()
    prompts = [f"{PROMPT} Case {number}." for number in range(1000)]
    benchmark.pedantic(encoder.encode, args=(prompts,), rounds=3, warmup_rounds=1)
