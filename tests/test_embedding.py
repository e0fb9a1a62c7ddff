import hashlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from router_training.contract import DataError, UsageError
from router_training.embedding import Encoder, load_encoder
from router_training.encoding.encoder_files import MODEL_FILE, SETTINGS_FILE

TEXTS = ["How many apples are left?", "", "Übersetze: guten Tag! 日本", "x " * 40, "\ud800 lone surrogate"]


def test_vectors_have_length_1_and_similar_prompts_are_near(minilm):
    vectors = minilm.encode(["What is 3 plus 4?", "Add three and four.", "Write a poem about the sea."])
    assert vectors.shape == (3, minilm.dim) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-3)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_no_texts_give_no_vectors(minilm):
    assert minilm.encode([]).shape == (0, minilm.dim)


def test_a_text_has_one_vector_alone_in_a_batch_and_from_the_cache(minilm, tmp_path):
    texts = TEXTS * 3
    alone = np.vstack([minilm.encode([text]) for text in texts])
    assert np.array_equal(minilm.encode(texts), alone)
    for _ in range(2):
        assert np.array_equal(minilm.encode_cached(texts, tmp_path), alone)


def test_the_second_time_vectors_come_from_the_disk(minilm, tmp_path):
    minilm.encode_cached(TEXTS, tmp_path)
    told = []
    minilm.encode_cached(TEXTS, tmp_path, lambda *news: told.append(news))
    assert told == []


def test_a_long_prompt_is_read_at_its_head_and_its_tail(minilm):
    middle = "filler words go on and on " * 300
    plain, head, tail = minilm.encode(
        [middle, f"Translate this into French: {middle}", f"{middle} Translate this into French."]
    )
    assert plain @ head < 0.99 and plain @ tail < 0.99


def test_a_prompt_of_200_kb_is_cut_to_the_window(minilm):
    assert np.array_equal(minilm.encode(["word " * 40_000]), minilm.encode(["word " * 39_000]))


def test_a_saved_encoder_is_the_same_network_bit_for_bit(minilm, tmp_path):
    minilm.save(tmp_path / "copy")
    copy = Encoder.load(tmp_path / "copy")
    assert copy.digest == minilm.digest and copy.name == "all-MiniLM-L6-v2"
    assert np.array_equal(copy.encode(TEXTS), minilm.encode(TEXTS))


def test_loading_a_saved_encoder_imports_neither_torch_nor_transformers(minilm, tmp_path):
    minilm.save(tmp_path)
    program = (
        "import sys; from router_training.embedding import Encoder, load_encoder\n"
        f"Encoder.load({str(tmp_path)!r}).encode(['hello']); load_encoder()\n"
        "assert not {'torch', 'transformers', 'sentence_transformers', 'onnx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("name", [MODEL_FILE, SETTINGS_FILE])
def test_a_damaged_or_missing_file_is_reported_with_its_folder(minilm, tmp_path, name):
    minilm.save(tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-100])
    with pytest.raises(DataError, match=tmp_path.name):
        Encoder.load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match=tmp_path.name):
        Encoder.load(tmp_path)


def test_an_unknown_precision_is_refused():
    with pytest.raises(UsageError, match="unknown precision 'int4'; choose one of int8, fp32"):
        load_encoder(precision="int4")


def test_a_folder_that_holds_no_model_is_refused_with_a_remedy(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="cannot export the encoder 'empty'"):
        load_encoder(tmp_path / "empty", cache_dir=tmp_path / "cache")
    assert not list((tmp_path / "cache" / "encoders").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.9999), ("int8", 0.97)])
def test_the_export_agrees_with_sentence_transformers(tmp_path, precision, least):
    from sentence_transformers import SentenceTransformer

    from router_training.encoding.encoder_source import find_source

    source = find_source("all-MiniLM-L6-v2").location
    shutil.copytree(source, tmp_path / "my-model")
    encoder = load_encoder(tmp_path / "my-model", precision=precision, cache_dir=tmp_path)
    texts = ["How many apples are left?", "Write a Python function that sorts pairs. " * 8, "hi"]
    reference = SentenceTransformer(source, device="cpu").encode(texts, show_progress_bar=False)
    assert np.sum(encoder.encode(texts) * reference, axis=1).min() > least
    assert encoder.name == "my-model"
    model = next((tmp_path / "encoders").iterdir()) / MODEL_FILE
    assert model.stat().st_size < 50e6
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    load_encoder(tmp_path / "my-model", precision=precision, cache_dir=tmp_path)
    assert hashlib.sha256(model.read_bytes()).hexdigest() == digest
