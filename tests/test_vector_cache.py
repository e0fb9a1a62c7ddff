import numpy as np
import pytest

from router_training.contract import DataError
from router_training.encoding.vector_cache import VectorCache, cache_root


class Counting:
    """Encodes a text as its length and counts what it was asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, texts):
        self.asked += texts
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32).reshape(len(texts), 2)


def test_a_text_is_encoded_once_across_openings(tmp_path):
    encode = Counting()
    for _ in range(2):
        vectors = VectorCache(tmp_path / "v.sqlite", 2).encode(["a", "bb", "a"], encode)
        assert vectors.tolist() == [[1, 1], [2, 1], [1, 1]]
    assert encode.asked == ["a", "bb"]


def test_only_what_is_new_is_encoded_and_progress_counts_it(tmp_path):
    encode, told = Counting(), []
    cache = VectorCache(tmp_path / "v.sqlite", 2)
    cache.encode(["a"], encode)
    cache.encode(["a", "bb", "ccc"], encode, lambda *news: told.append(news))
    assert encode.asked == ["a", "bb", "ccc"]
    assert told == [("encode", 2, 2)]


def test_work_that_was_interrupted_is_kept(tmp_path):
    texts = [f"text {i}" for i in range(300)]

    def breaks(batch):
        if "text 299" in batch:
            raise KeyboardInterrupt
        return Counting()(batch)

    with pytest.raises(KeyboardInterrupt):
        VectorCache(tmp_path / "v.sqlite", 2).encode(texts, breaks)
    rest = Counting()
    VectorCache(tmp_path / "v.sqlite", 2).encode(texts, rest)
    assert len(rest.asked) == 300 - 256


def test_no_texts_give_no_vectors(tmp_path):
    assert VectorCache(tmp_path / "v.sqlite", 2).encode([], Counting()).shape == (0, 2)


def test_lone_surrogates_are_keys_like_any_other(tmp_path):
    encode = Counting()
    for _ in range(2):
        VectorCache(tmp_path / "v.sqlite", 2).encode(["\ud800"], encode)
    assert len(encode.asked) == 1


def test_a_file_that_is_no_cache_is_named_with_the_remedy(tmp_path):
    (tmp_path / "v.sqlite").write_text(
        "this is not a database, not at all, and long enough to be read as a header"
    )
    with pytest.raises(DataError, match=r"v\.sqlite cannot be used .*; delete that file"):
        VectorCache(tmp_path / "v.sqlite", 2).encode(["a"], Counting())


def test_the_folder_is_the_argument_then_the_environment_then_the_platforms(monkeypatch, tmp_path):
    monkeypatch.setenv("POINTSMAN_CACHE", str(tmp_path / "chosen"))
    assert cache_root(tmp_path) == tmp_path
    assert cache_root() == tmp_path / "chosen"
    monkeypatch.delenv("POINTSMAN_CACHE")
    assert cache_root().name == "pointsman"
