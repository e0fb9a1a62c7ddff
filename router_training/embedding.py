"""Prompts to vectors: a sentence-transformers model, exported once to ONNX and served without torch.

The exported folder holds `model.onnx` (pooling and normalisation inside the graph), `tokenizer.json` and
`encoder.json`. A policy carries a copy of it, so serving reads the very network that training read.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from router_training.contract import DataError, UsageError, Vectors
from router_training.encoding.encoder_files import (
    MODEL_FILE,
    REMEDY,
    TOKENIZER_FILE,
    EncoderSettings,
    copy_files,
    read_settings,
    write_settings,
)
from router_training.encoding.encoder_source import EncoderSource, find_source, no_progress_bars
from router_training.encoding.vector_cache import Progress, VectorCache, cache_root

DEFAULT_ENCODER = "all-MiniLM-L6-v2"
PRECISIONS = ("int8", "fp32")
ENCODER_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
PROBES = (
    "How many apples are left?",
    "Write a Python function that sorts a list of pairs by the second item.",
)
MOST_TOKENS = 512
CHARS_PER_TOKEN_READ = 32
SERIAL_TEXTS = 8
THREADS_PER_TEXT = 1


class Encoder:
    """An exported sentence encoder; build it with `load_encoder` or `Encoder.load`.

    Texts are run one at a time: a dynamically quantised network scales its activations by what shares the batch,
    so only then does a text have one vector, in training and in serving.
    """

    def __init__(self, folder: Path, settings: EncoderSettings, digest: str) -> None:
        self.name = settings.name
        self.dim = settings.dim
        self.digest = digest
        self.settings = settings
        self.folder = folder
        self._session = _session(folder / MODEL_FILE)
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._before, self._after = _special_tokens(self._tokenizer)

    @classmethod
    def load(cls, folder: Path | str) -> Encoder:
        """Read an exported encoder; imports no torch.

        Raises:
            DataError: if a file is missing or is not what was exported.
        """
        settings, digest = read_settings(Path(folder))
        return cls(Path(folder), settings, digest)

    def save(self, folder: Path | str) -> None:
        """Copy the exported encoder to `folder`."""
        copy_files(self.folder, Path(folder))

    def encode(self, texts: Sequence[str], threads: int | None = None) -> Vectors:
        """Return vectors of length 1, shape (n, dim), made by so many threads (default: one per processor).

        A text longer than the model reads is represented by its first and last tokens, half and half; characters
        far outside those are never tokenised, so time is bounded whatever the length.
        """
        if len(texts) <= SERIAL_TEXTS or threads == 1:
            rows = [self._encode_one(text) for text in texts]
        else:
            with ThreadPoolExecutor(max_workers=threads or os.cpu_count()) as pool:
                rows = list(pool.map(self._encode_one, texts))
        return np.array(rows, dtype=np.float32).reshape(len(rows), self.dim)

    def encode_cached(
        self, texts: Sequence[str], cache_dir: Path | str | None = None, progress: Progress | None = None
    ) -> Vectors:
        """Return what `encode` returns, reading vectors already on disk and writing the others there."""
        return self.cache(cache_dir).encode(texts, self.encode, progress)

    def cache(self, cache_dir: Path | str | None = None) -> VectorCache:
        """Return where this encoder's vectors are kept; see `cache_root`."""
        return VectorCache(cache_root(cache_dir) / "vectors" / f"{self.digest[:32]}.sqlite", self.dim)

    def _encode_one(self, text: str) -> NDArray[np.float32]:
        ids = np.array([self._token_ids(text)], dtype=np.int64)
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        outputs = self._session.run(None, {name: feeds[name] for name in self.settings.inputs})
        vector: NDArray[np.float32] = outputs[0][0]
        return vector

    def _token_ids(self, text: str) -> list[int]:
        room = self.settings.max_tokens - len(self._before) - len(self._after)
        chars = self.settings.max_tokens * CHARS_PER_TOKEN_READ // 2
        if len(text) > 2 * chars:
            text = f"{text[:chars]} {text[-chars:]}"
        text = self.settings.prefix + text.encode("utf-8", "replace").decode("utf-8")
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        if len(ids) > room:
            ids = ids[: room - room // 2] + ids[-(room // 2) :]
        return [*self._before, *ids, *self._after]


def load_encoder(
    name_or_path: str | Path = DEFAULT_ENCODER,
    *,
    precision: str = "int8",
    cache_dir: Path | str | None = None,
) -> Encoder:
    """Return the encoder called `name_or_path`, exporting it on first use.

    Args:
        name_or_path: a sentence-transformers name, or a folder that holds such a model.
        precision: "int8" (smaller, faster) or "fp32" (the model's own numbers, weights stored in half precision).
        cache_dir: where exports are kept; default as in `cache_root`.

    Raises:
        DataError: if the model cannot be found or exported.
        UsageError: if the precision is unknown.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"unknown precision {precision!r}; choose one of {', '.join(PRECISIONS)}")
    source = find_source(str(name_or_path))
    folder = cache_root(cache_dir) / "encoders" / f"{source.key}-{precision}"
    try:
        return Encoder.load(folder)
    except DataError:
        _export_into(folder, source, precision)
    return Encoder.load(folder)


def _export_into(folder: Path, source: EncoderSource, precision: str) -> None:
    """Export beside `folder` and rename, so that a reader sees a whole export or none."""
    source.check_weights()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as scratch:
            made = Path(scratch) / "made"
            made.mkdir()
            _export(source, precision, made)
            if folder.exists():
                folder.rename(Path(scratch) / "replaced")
            with suppress(FileExistsError):  # another process was first; its export is as good
                made.rename(folder)
    except OSError as error:
        raise DataError(
            f"cannot export the encoder {source.name} to {folder}: {error};"
            " set POINTSMAN_CACHE to a folder you can write to"
        ) from error


def _export(source: EncoderSource, precision: str, folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing notes about branches that one text at a time never takes
        import torch  # spares 2 s and 300 MB wherever an export exists
        from sentence_transformers import SentenceTransformer

        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # two threads on a busy two-core machine wait for each other
        try:
            with no_progress_bars():
                model = SentenceTransformer(
                    source.location,
                    device="cpu",
                    local_files_only=source.is_folder,
                    model_kwargs={"attn_implementation": "eager"},
                )
            settings = _write_graph(model.eval(), source.name, precision, folder)
            reference = model.encode(list(PROBES), normalize_embeddings=True, show_progress_bar=False)
        except Exception as error:
            reason = str(error).partition("\n")[0]
            raise DataError(
                f"cannot export the encoder {source.name!r} ({type(error).__name__}: {reason}); give the name of a"
                " text model that sentence-transformers can load here, or the path of its folder"
            ) from error
        finally:
            torch.set_num_threads(threads)
    _check_export(folder, settings, reference)
    _shrink(folder / MODEL_FILE, precision)
    write_settings(folder, settings)


def _write_graph(model: Any, name: str, precision: str, folder: Path) -> EncoderSettings:
    import torch

    tokens = model.tokenizer(list(PROBES), padding=True, return_tensors="pt")
    inputs = tuple(key for key in ENCODER_INPUTS if key in tokens)

    class Pooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *arguments: Any) -> Any:
            found = self.model(dict(zip(inputs, arguments, strict=True)))["sentence_embedding"]
            return torch.nn.functional.normalize(found, p=2, dim=1)

    torch.onnx.export(
        Pooled(),
        tuple(tokens[key] for key in inputs),
        str(folder / MODEL_FILE),
        input_names=list(inputs),
        output_names=["vector"],
        dynamic_axes={**{key: {0: "texts", 1: "tokens"} for key in inputs}, "vector": {0: "texts"}},
        opset_version=17,
        dynamo=False,
    )
    model.tokenizer.backend_tokenizer.save(str(folder / TOKENIZER_FILE))
    prompts = model.prompts or {}
    return EncoderSettings(
        name=name,
        precision=precision,
        dim=int(model.get_sentence_embedding_dimension()),
        max_tokens=min(int(model.max_seq_length or MOST_TOKENS), MOST_TOKENS),
        inputs=inputs,
        prefix=prompts.get(model.default_prompt_name, "") if model.default_prompt_name else "",
    )


def _check_export(folder: Path, settings: EncoderSettings, reference: Vectors) -> None:
    """Compare the exported graph with sentence-transformers' own vectors before it is shrunk."""
    exported = Encoder(folder, settings, digest="").encode(PROBES)
    cosines = np.sum(exported * reference, axis=1)
    if not cosines.min() > 0.999:
        raise DataError(
            f"the ONNX export of {settings.name} differs from the model (cosine {cosines.min():.4f}, at least 0.999"
            f" is needed); choose another encoder, such as {DEFAULT_ENCODER}"
        )


def _shrink(path: Path, precision: str) -> None:
    """Store weights as int8 (computed in int8 too), or as half-precision numbers that are read back as float32."""
    import onnx  # needed for an export only
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(path)
    if precision == "int8":
        model.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")
        onnx.save(model, path)
        quantize_dynamic(path, path, weight_type=QuantType.QInt8, per_channel=True)
        return
    casts = []
    for weight in model.graph.initializer:
        numbers = onnx.numpy_helper.to_array(weight)
        if numbers.dtype == np.float32 and numbers.size > 1000:
            name = weight.name
            weight.CopyFrom(onnx.numpy_helper.from_array(numbers.astype(np.float16), f"{name}_half"))
            casts.append(onnx.helper.make_node("Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, path)


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS_PER_TEXT
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no other base class
        raise DataError(f"{path} is not a readable ONNX model ({error}); {REMEDY}") from error


def _special_tokens(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Return the token ids that the tokenizer puts before and after a text."""
    bare = tokenizer.encode("a", add_special_tokens=False).ids
    full = tokenizer.encode("a").ids
    start = next(i for i in range(len(full)) if full[i : i + len(bare)] == bare)
    return full[:start], full[start + len(bare) :]
