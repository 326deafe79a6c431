"""Pickles from anywhere: what is allowed opens, what is not is named, and nothing of it runs."""

import bz2
import copyreg
import gzip
import io
import lzma
import os
import pickle
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import polars as pl
import pytest
from joblib.numpy_pickle import NumpyArrayWrapper
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from future_skills import schema
from future_skills.dataset import Dataset, build_dataset, read_dataset, write_dataset
from future_skills.errors import ArtifactTypeRefusedError
from future_skills.pipeline import ALGORITHMS, CALIBRATIONS
from future_skills.training import Recipe, fit_and_measure, model_bytes
from future_skills.unpickling import ALLOWED_TYPES, UNPICKLING_FAILURES, open_pickle, read_pickle


class Calls:
    """Pickles as a call: ``Calls(os.system, "…")``."""

    def __init__(self, function: Any, *arguments: Any, state: Any = None) -> None:
        self.function, self.arguments, self.state = function, arguments, state

    def __reduce__(self) -> Any:
        return (self.function, self.arguments, *(() if self.state is None else (self.state,)))


def joblib_bytes(value: Any, *, compress: Any = 0) -> bytes:
    joblib.dump(value, buffer := io.BytesIO(), compress=compress)
    return buffer.getvalue()


def raw(*parts: bytes) -> bytes:
    """A pickle written by hand, in protocol 4."""
    return b"\x80\x04" + b"".join(parts) + b"."


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value.encode())]) + value.encode()


def named(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


# --- What opens -----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def dataset(company: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("dataset") / "dataset.csv"
    write_dataset(build_dataset(company), path)
    return read_dataset(path)


def small(algorithm: str) -> dict[str, Any]:
    return {"max_iter": 5} if algorithm == "hist_gradient_boosting" else {"n_estimators": 5}


@pytest.mark.parametrize(
    ("algorithm", "features"),
    [(a.name, features) for a in ALGORITHMS.values() for features in ("base", "history")[a.needs_level :]],
)
def test_every_algorithm_opens_and_answers_the_same(dataset: Dataset, algorithm: str, features: Any) -> None:
    params = {} if algorithm == "logistic_regression" else small(algorithm)
    trained = fit_and_measure(dataset, Recipe(feature_set=features, algorithm=algorithm, params=params))
    opened = open_pickle(model_bytes(trained.model), path="m.pkl")
    assert np.array_equal(opened.predict_proba(trained.frame), trained.model.predict_proba(trained.frame))


@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_every_calibration_opens_and_answers_the_same(dataset: Dataset, calibration: str) -> None:
    trained = fit_and_measure(dataset, Recipe(params={"n_estimators": 5}, calibration=calibration))
    opened = open_pickle(model_bytes(trained.model), path="m.pkl")
    assert np.array_equal(opened.predict_proba(trained.frame), trained.model.predict_proba(trained.frame))


@pytest.fixture(scope="module")
def pipeline(dataset: Dataset) -> Any:
    """A model as other teams write them: a pipeline over a pandas frame."""
    names = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    ordered = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = ColumnTransformer(
        [
            ("names", names, list(schema.CATEGORICAL_FEATURES[:2])),
            ("groups", ordered, list(schema.CATEGORICAL_FEATURES[2:])),
            ("numbers", numbers, list(schema.NUMERIC_FEATURES)),
        ]
    )
    rows = dataset.frame.select(schema.BASE_FEATURES).to_pandas()
    return make_pipeline(columns, RandomForestClassifier(5, random_state=0)).fit(rows, dataset.levels)


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_a_plain_pipeline_opens_however_it_was_pickled(pipeline: Any, dataset: Dataset, protocol: int) -> None:
    rows = dataset.frame.select(schema.BASE_FEATURES)
    opened = open_pickle(pickle.dumps(pipeline, protocol), path="m.pkl")
    assert np.array_equal(opened.predict_proba(rows), pipeline.predict_proba(rows.to_pandas()))


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("lzma", 3), ("xz", 3)])
def test_a_plain_pipeline_opens_however_it_was_compressed(pipeline: Any, dataset: Dataset, compress: Any) -> None:
    rows = dataset.frame.select(schema.BASE_FEATURES)
    opened = open_pickle(joblib_bytes(pipeline, compress=compress), path="m.pkl")
    assert np.array_equal(opened.predict_proba(rows), pipeline.predict_proba(rows.to_pandas()))


def test_arrays_of_every_kind_come_back_as_they_were() -> None:
    structured = np.zeros(3, dtype=np.dtype([("a", "i4"), ("b", "f8")], align=True))
    arrays = [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array(["LOW", "HIGH"], dtype=object),
        np.array(["LOW", "HIGH"]),
        np.array([1, 2], dtype=">i4"),
        np.array(["2026-03"], dtype="M8[M]"),
        structured,
        np.array(3.5),
        np.empty((0, 4)),
    ]
    for write in (joblib_bytes, lambda value: pickle.dumps(value, 3), pickle.dumps):
        again = open_pickle(write(arrays), path="m.pkl")
        for before, after in zip(arrays, again, strict=True):
            assert (after.shape, after.dtype.newbyteorder("=")) == (before.shape, before.dtype.newbyteorder("="))
            assert np.array_equal(after, before)


def test_a_name_that_the_server_adds_is_allowed() -> None:
    forest = GradientBoostingClassifier(n_estimators=1).fit(np.arange(8.0)[:, None], [0, 1] * 4)
    with pytest.raises(ArtifactTypeRefusedError) as refusal:
        open_pickle(pickle.dumps(forest), path="m.pkl")
    assert "sklearn.ensemble._gb.GradientBoostingClassifier" in refusal.value.details["types"]
    names = refusal.value.details["types"].split(", ")
    opened = open_pickle(pickle.dumps(forest), path="m.pkl", allowed_types=names)
    assert isinstance(opened, GradientBoostingClassifier)


def test_the_list_names_things_that_exist_one_by_one() -> None:
    opened = read_pickle(raw(b"(", *(named(*name.rsplit(".", 1)) for name in sorted(ALLOWED_TYPES)), b"t"))
    assert set(opened.types) == ALLOWED_TYPES
    assert opened.refused == ()
    assert len(opened.value) == len(ALLOWED_TYPES)


# --- What is refused, and named -------------------------------------------------------------------------------------------
@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A file that only a pickle that ran makes."""
    return tmp_path / "it-ran"


@pytest.fixture(params=["pickle", "joblib", "zlib", "gzip", "bz2", "lzma"])
def write(request: pytest.FixtureRequest) -> Callable[[Any], bytes]:
    """A way to write a pickle."""
    return {
        "pickle": pickle.dumps,
        "joblib": joblib_bytes,
        "zlib": lambda value: zlib.compress(pickle.dumps(value)),
        "gzip": lambda value: gzip.compress(pickle.dumps(value)),
        "bz2": lambda value: bz2.compress(pickle.dumps(value)),
        "lzma": lambda value: lzma.compress(pickle.dumps(value)),
    }[request.param]


def test_a_shell_command_is_named_and_does_not_run(write: Callable[[Any], bytes], marker: Path) -> None:
    with pytest.raises(ArtifactTypeRefusedError, match=f"{os.system.__module__}.system"):
        open_pickle(write([1, Calls(os.system, f"touch {marker}")]), path="m.pkl")
    assert not marker.exists()


def test_a_call_inside_an_array_of_objects_is_named_and_does_not_run(
    write: Callable[[Any], bytes], marker: Path
) -> None:
    hidden = np.array([Calls(os.system, f"touch {marker}"), None], dtype=object)
    with pytest.raises(ArtifactTypeRefusedError, match=r"\.system"):
        open_pickle(write({"model": [hidden]}), path="m.pkl")
    assert not marker.exists()


@pytest.mark.parametrize("module", ["builtins", "__builtin__"])
@pytest.mark.parametrize("name", ["eval", "exec", "getattr", "__import__", "open", "compile", "globals"])
def test_builtins_are_named_and_do_not_run(module: str, name: str, marker: Path) -> None:
    words = named(module, name) + text(f"open({str(marker)!r}, 'w')") + b"\x85R"
    with pytest.raises(ArtifactTypeRefusedError, match=f"{module}.{name}"):
        open_pickle(raw(words), path="m.pkl")
    assert not marker.exists()


def test_all_refused_names_are_told_at_once_a_chain_of_getattr_included() -> None:
    chain = Calls(getattr, Calls(getattr, Calls(__import__, "os"), "path"), "join")
    opened = read_pickle(pickle.dumps([chain, Calls(subprocess.Popen, ["true"]), {"b": Calls(eval, "1")}]))
    assert opened.value is None
    assert opened.refused == ("builtins.__import__", "builtins.eval", "builtins.getattr", "subprocess.Popen")


def test_a_call_in_the_state_of_an_allowed_type_is_named(pipeline: Any, marker: Path) -> None:
    spoilt = pickle.loads(pickle.dumps(pipeline))
    spoilt.steps.append(("last", Calls(os.system, f"touch {marker}")))
    with pytest.raises(ArtifactTypeRefusedError, match=r"\.system"):
        open_pickle(joblib_bytes(spoilt, compress=3), path="m.pkl")
    assert not marker.exists()


NAMING = {
    "GLOBAL": b"cos\nsystem\n",
    "INST": b"(S'true'\nios\nsystem\n",
    "OBJ": b"(cos\nsystem\nS'true'\no",
    "STACK_GLOBAL": named("os", "system"),
    "STACK_GLOBAL of an attribute": named("os", "path.join"),
    "NEWOBJ": named("os", "system") + b")\x81",
    "NEWOBJ_EX": named("os", "system") + b")}\x92",
    "through an allowed module": named("sklearn.base", "os.system"),
    "through its builtins": named("numpy.random._pickle", "__builtins__.eval"),
    "through our own module": named("future_skills.pipeline", "np.load"),
    "through an allowed type": named("future_skills.pipeline", "NeedLevelModel.fit.__globals__"),
}


@pytest.mark.parametrize("words", NAMING.values(), ids=NAMING)
def test_every_way_of_naming_is_watched(words: bytes) -> None:
    opened = read_pickle(raw(words))
    assert len(opened.refused) == 1
    assert opened.value is None


def test_names_by_number_are_refused() -> None:
    copyreg.add_extension("os", "system", 240)
    try:
        with pytest.raises(UNPICKLING_FAILURES):
            open_pickle(raw(b"\x82\xf0"), path="m.pkl")
    finally:
        copyreg.remove_extension("os", "system", 240)


def test_a_name_that_does_not_print_is_shown_escaped_and_cut() -> None:
    opened = read_pickle(raw(named("os\x1b[31m", "é" * 100)))
    assert opened.refused[0].isascii()
    assert opened.refused[0].isprintable()
    assert len(opened.refused[0]) <= 120


def test_a_pickle_of_ten_thousand_names_tells_the_first_ones() -> None:
    words = b"(" + b"".join(named("evil", f"n{number}") for number in range(10_000)) + b"t"
    with pytest.raises(ArtifactTypeRefusedError, match=r"\(\+9980\)") as refusal:
        open_pickle(raw(words), path="m.pkl")
    assert len(str(refusal.value)) < 1_000


def test_what_a_pickle_names_is_never_changed_by_it() -> None:
    """BUILD on a class, or on a function, would change it for everybody."""
    for target in ("sklearn.pipeline Pipeline", "future_skills.pipeline _as_float64", "numpy dtype", "builtins slice"):
        words = named(*target.split()) + b"}" + text("predict_proba") + b"K\x01sb"
        with pytest.raises(UNPICKLING_FAILURES, match="changes what other models use"):
            open_pickle(raw(words), path="m.pkl")
    cython = named("numpy.random.bit_generator", "__pyx_unpickle_SeedSequence") + b"N}" + text("__name__") + text("x")
    with pytest.raises(UNPICKLING_FAILURES, match="changes what other models use"):
        open_pickle(raw(cython, b"s\x86b"), path="m.pkl")


# --- Arrays that lie ------------------------------------------------------------------------------------------------------
HASOBJECT = 0x3F
"""Flags of a type that holds objects."""


def dtype_state(kind: str, *, fields: Any = None, size: int = -1, flags: int = 0) -> bytes:
    """A type of arrays as numpy pickles it, its state written by hand."""
    names = tuple(fields) if fields else None
    return pickle.dumps(Calls(np.dtype, kind, False, True, state=(3, "|", None, names, fields, size, -1, flags)), 4)


LYING = {
    "numbers said to be objects": dtype_state("i8", flags=HASOBJECT),
    "objects said to be none": dtype_state("O", flags=0),
    "a field of objects": dtype_state("V8", fields={"a": (np.dtype("O"), 0)}, size=8),
    "a field beyond the end": dtype_state("V8", fields={"a": (np.dtype("i8"), 4)}, size=8),
    "a field before the start": dtype_state("V8", fields={"a": (np.dtype("i8"), -8)}, size=8),
    "a field larger than all": dtype_state("V4", fields={"a": (np.dtype("i8"), 0)}, size=4),
    "an array in an array": pickle.dumps(
        Calls(np.dtype, "V8", False, True, state=(3, "|", ("O", (1,)), None, None, 8, 1, 0)), 4
    ),
    "nonsense": pickle.dumps(Calls(np.dtype, "V8", False, True, state="nonsense"), 4),
}


@pytest.mark.parametrize("content", LYING.values(), ids=LYING)
def test_a_type_of_arrays_that_contradicts_itself_is_refused(content: bytes) -> None:
    with pytest.raises(UNPICKLING_FAILURES):
        open_pickle(content, path="m.pkl")


def test_numbers_are_never_taken_for_objects() -> None:
    honest = joblib_bytes(np.array([0x4141414141414141] * 4))
    lying = honest.replace(b"i8", b"O8", 1)
    assert lying != honest
    with pytest.raises(UNPICKLING_FAILURES):
        open_pickle(lying, path="m.pkl")


def array_type(kind: str) -> bytes:
    return named("numpy", "dtype") + text(kind) + b"\x89\x88\x87R"


EIGHT_BYTES = (
    named("numpy._core.multiarray", "_reconstruct"),
    named("numpy", "ndarray"),
    b"K\x00\x85C\x01b\x87R",
    b"(K\x01K\x01\x85",
    array_type("S8") + b"\x94",  # memo 0
    b"\x89C\x0812345678tb\x94",  # memo 1
)
"""An array of one text of eight bytes; its type is in the memo."""


def test_a_type_of_arrays_cannot_be_changed_once_it_was_found_honest() -> None:
    """The file still holds the dictionary of its fields: it is not the one that numpy reads."""
    kind = array_type("V8") + b"(K\x03" + text("|") + b"N" + text("a") + b"\x85"
    fields = b"}\x94" + text("a") + array_type("i8") + b"K\x00\x86s"
    later = b"h\x00" + text("a") + array_type("O") + b"K\x00\x86s"
    content = raw(kind, fields, b"K\x08K\x01K\x10tb", later, b"\x86")
    assert pickle.loads(content)[0].fields["a"][0].hasobject  # what plain pickle makes of it
    opened, dictionary = open_pickle(content, path="m.pkl")
    assert dictionary["a"][0].hasobject
    assert opened.fields["a"][0] == np.dtype("i8")


def test_an_array_keeps_its_type_whatever_follows_in_the_file() -> None:
    longer = b"h\x00(K\x03" + text("|") + b"NNNJ\x00\x00\x10\x00K\x01K\x00tb"
    content = raw(*EIGHT_BYTES, longer, b"\x86")
    assert pickle.loads(content)[0].itemsize == 1 << 20  # what plain pickle makes of it: a look into other memory
    array, kind = open_pickle(content, path="m.pkl")
    assert (array.itemsize, array[0], kind.itemsize) == (8, b"12345678", 1 << 20)


def test_no_array_looks_at_memory_that_the_file_can_free() -> None:
    view = named("numpy._core.numeric", "_frombuffer") + b"(h\x01" + array_type("u1") + b"K\x08\x85" + text("C") + b"tR"
    with pytest.raises(UNPICKLING_FAILURES, match="something else than bytes"):
        open_pickle(raw(*EIGHT_BYTES, view, b"\x86"), path="m.pkl")


def test_an_array_of_addresses_is_not_made_of_a_buffer() -> None:
    made = named("numpy", "ndarray") + b"(K\x01\x85" + text("O") + b"C\x08AAAAAAAAt"
    for call in (b"R", b"\x81"):
        with pytest.raises(UNPICKLING_FAILURES):
            open_pickle(raw(made + call), path="m.pkl")


# --- Files that are cut, huge, or nothing ---------------------------------------------------------------------------------
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
@pytest.mark.parametrize("compress", [0, 3, ("lzma", 3)])
def test_a_truncated_file_is_told_from_a_model(pipeline: Any, compress: Any, share: float) -> None:
    whole = joblib_bytes(pipeline, compress=compress)
    with pytest.raises(UNPICKLING_FAILURES):
        open_pickle(whole[: int(len(whole) * share)], path="m.pkl")


ANNOUNCED = {
    "bytes": raw(b"\x8e" + struct.pack("<Q", 1 << 62)),
    "a byte array": raw(b"\x96" + struct.pack("<Q", 1 << 62)),
    "text": raw(b"\x8d" + struct.pack("<Q", 1 << 62)),
    "a number": raw(b"\x8b" + struct.pack("<I", 1 << 30)),
    "a frame": raw(b"\x95" + struct.pack("<Q", 1 << 62)),
    "more ends than starts": b"\x80\x04" + b"(" * 100 + b"t" * 101,
    "zeros": bytes(1_000_000),
    "joblib 0.9": b"ZF" + b"0x10".ljust(19) + zlib.compress(b"x" * 100),
    "words": b"not a pickle",
    "nothing": b"",
}


@pytest.mark.parametrize("content", ANNOUNCED.values(), ids=ANNOUNCED)
def test_a_file_that_announces_more_than_it_holds_is_refused_at_once(content: bytes) -> None:
    with pytest.raises(UNPICKLING_FAILURES):
        open_pickle(content, path="m.pkl")


def test_an_array_larger_than_any_memory_is_refused() -> None:
    for shape in ((1 << 60,), (-1,), (1 << 40, 1 << 40)):
        described = NumpyArrayWrapper(np.ndarray, shape, "C", np.dtype("f8"))
        with pytest.raises(UNPICKLING_FAILURES):
            open_pickle(pickle.dumps(described), path="m.pkl")


def test_pickles_inside_pickles_end_somewhere() -> None:
    objects = pickle.dumps(NumpyArrayWrapper(np.ndarray, (1,), "C", np.dtype("O")))[:-1]  # and the objects follow
    with pytest.raises(UNPICKLING_FAILURES):
        open_pickle(objects * 100_000, path="m.pkl")


def test_nothing_is_imported_to_find_a_refused_name() -> None:
    assert "this" not in sys.modules
    assert read_pickle(raw(named("this", "s"))).refused == ("this.s",)
    assert "this" not in sys.modules
    assert open_pickle(pickle.dumps([1, "two", 3.0, None]), path="m.pkl") == [1, "two", 3.0, None]
