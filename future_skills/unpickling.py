"""Pickles are opened with a list of allowed types: any other name is never imported, and is told.

A pickle is a small program: it names functions and classes, and calls them. Here it may name what is in
``ALLOWED_TYPES`` (or was added by the server), one by one, never a whole module; whatever these are called with, they run
nothing that the file chose (docs/decisions/0010). Every name that is not on the list is replaced by something that does
nothing, so that all refused names are known at once.
"""

import io
import pickle
import struct
import zlib
from collections.abc import Callable, Collection, Mapping
from copy import copy
from dataclasses import dataclass
from lzma import LZMAError
from types import MappingProxyType
from typing import Any, Final, NoReturn

import numpy as np
from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler, _validate_fileobject_and_memmap
from joblib.numpy_pickle_utils import Unpickler
from numpy._core.numeric import _frombuffer  # type: ignore[attr-defined]

from future_skills.errors import ArtifactTypeRefusedError

_ARRAYS: Final = (
    "joblib.numpy_pickle.NumpyArrayWrapper",
    "numpy.dtype",
    "numpy.float64",
    "numpy.ndarray",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.numeric._frombuffer",
    "_codecs.encode",
)

_PRODUCT: Final = (
    "future_skills.pipeline.BlendByLevel",
    "future_skills.pipeline.FeatureEncoder",
    "future_skills.pipeline.LogScoreRegression",
    "future_skills.pipeline.NeedLevelModel",
    "future_skills.pipeline._as_float64",
)

_LEARNERS: Final = (
    "numpy.random._pcg64.PCG64",
    "numpy.random._pickle.__bit_generator_ctor",
    "numpy.random._pickle.__generator_ctor",
    "numpy.random.bit_generator.SeedSequence",
    "numpy.random.bit_generator.__pyx_unpickle_SeedSequence",
    "sklearn._loss._loss.CyHalfMultinomialLoss",
    "sklearn._loss._loss.__pyx_unpickle_CyHalfMultinomialLoss",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.HalfMultinomialLoss",
    "sklearn.calibration.CalibratedClassifierCV",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.ensemble._forest.ExtraTreesClassifier",
    "sklearn.ensemble._forest.RandomForestClassifier",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.impute._base.MissingIndicator",
    "sklearn.impute._base.SimpleImputer",
    "sklearn.isotonic.IsotonicRegression",
    "sklearn.linear_model._logistic.LogisticRegression",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.pipeline.Pipeline",
    "sklearn.preprocessing._data.StandardScaler",
    "sklearn.preprocessing._function_transformer.FunctionTransformer",
    "sklearn.preprocessing._label.LabelEncoder",
    "sklearn.tree._classes.DecisionTreeClassifier",
    "sklearn.tree._classes.ExtraTreeClassifier",
    "sklearn.tree._tree.Tree",
)

_IMPORTED: Final = (
    "builtins.slice",
    "sklearn.compose._column_transformer.ColumnTransformer",
    "sklearn.preprocessing._encoders.OneHotEncoder",
    "sklearn.preprocessing._encoders.OrdinalEncoder",
)

ALLOWED_TYPES: Final = frozenset((*_ARRAYS, *_PRODUCT, *_LEARNERS, *_IMPORTED))
"""What every algorithm of ``pipeline.ALGORITHMS`` needs, and what a plain scikit-learn pipeline over columns is made of."""

UNPICKLING_FAILURES: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    ImportError,
    LookupError,
    LZMAError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
    zlib.error,
)
"""What opening a pickle of other libraries, or of none, ends with."""

_BEFORE_JOBLIB_0_10: Final = b"ZF"
_NAME_SHOWN: Final = 120
_NAMES_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Opened:
    """What a pickle holds.

    Attributes:
        value: the object; None where a name was refused.
        types: every name the pickle uses, sorted; where names were refused, those up to the place it could be read to.
        refused: those of them that are not allowed.
    """

    value: Any
    types: tuple[str, ...]
    refused: tuple[str, ...]


def open_pickle(content: bytes, *, path: str, allowed_types: Collection[str] = ()) -> Any:
    """The object of a pickle, plain or written by joblib (compressed or not), once every name in it was found allowed.

    Args:
        content: bytes of the file.
        path: its name, for messages.
        allowed_types: dotted names allowed besides ``ALLOWED_TYPES``.

    Raises:
        ArtifactTypeRefusedError: it names other types; nothing of theirs was imported or called.
        UNPICKLING_FAILURES: it is no pickle, or one that the libraries here cannot open.
    """
    opened = read_pickle(content, allowed_types=allowed_types)
    require_allowed(opened, path=path)
    return opened.value


def require_allowed(opened: Opened, *, path: str) -> None:
    """Refuse a pickle that names types which are not allowed.

    Raises:
        ArtifactTypeRefusedError: names them.
    """
    if opened.refused:
        more = len(opened.refused) - _NAMES_SHOWN
        shown = [*opened.refused[:_NAMES_SHOWN], *([f"… (+{more})"] if more > 0 else [])]
        raise ArtifactTypeRefusedError(path=path, types=", ".join(shown))


def read_pickle(content: bytes, *, allowed_types: Collection[str] = ()) -> Opened:
    """What a pickle holds and names; see ``open_pickle``. Refused names are no error here."""
    names = _Names(ALLOWED_TYPES.union(allowed_types))
    value = None
    try:
        if content.startswith(_BEFORE_JOBLIB_0_10):
            raise pickle.UnpicklingError("it was written by joblib 0.9 or older")
        with _validate_fileobject_and_memmap(io.BytesIO(content), "") as (file, _):
            value = _Reader(file, names).load()
    except UNPICKLING_FAILURES:
        if not names.refused:  # else: what does nothing stood where something else was expected
            raise
    return Opened(
        value=None if names.refused else value, types=tuple(sorted(names.used)), refused=tuple(sorted(names.refused))
    )


class _Names:
    """The names of one pickle, the pickles inside it included."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self.allowed = allowed
        self.used: set[str] = set()
        self.refused: set[str] = set()
        self.found: set[int] = set()

    def allows(self, dotted: str) -> bool:
        """Note a name; say whether it may be imported."""
        shown = ascii(dotted)[1:-1][:_NAME_SHOWN]
        self.used.add(shown)
        if dotted not in self.allowed:
            self.refused.add(shown)
        return dotted in self.allowed


class _Refused:
    """Stands where a refused name would be: takes everything, does nothing."""

    def __new__(cls, *_args: Any, **_named: Any) -> "_Refused":
        return super().__new__(cls)

    def __call__(self, *_args: Any, **_named: Any) -> "_Refused":
        return self

    def __setstate__(self, _state: Any) -> None:
        """Forget."""

    def __setitem__(self, _key: Any, _value: Any) -> None:
        """Forget."""

    def append(self, _value: Any) -> None:
        """Forget."""

    add = extend = append


class _Array:
    """Stands for ``numpy.ndarray``: called with a buffer, the real one takes bytes for addresses of objects."""


def _from_bytes(content: bytes | bytearray, *description: Any) -> Any:
    """Stands for numpy's ``_frombuffer``: of bytes only, which nothing can free while an array looks at them."""
    if not isinstance(content, bytes | bytearray):
        _refuse("an array is made of something else than bytes")
    return _frombuffer(content, *description)


def _empty_array(_kind: Any, _shape: Any, _dtype: Any) -> Any:
    """Stands for numpy's ``_reconstruct``: an empty array, which its state fills."""
    return np.empty(0, dtype=np.int8)


def _latin1(text: str, _encoding: str) -> bytes:
    """Stands for ``_codecs.encode``, as pickles of protocol 2 write bytes: a real codec may be any module."""
    return text.encode("latin1")


_STAND_INS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "numpy.ndarray": _Array,
        "numpy._core.multiarray._reconstruct": _empty_array,
        "numpy._core.numeric._frombuffer": _from_bytes,
        "_codecs.encode": _latin1,
    }
)


class _Reader(NumpyUnpickler):  # type: ignore[misc]
    """Reads what ``joblib.dump`` or ``pickle.dump`` wrote; every name goes through ``find_class``."""

    dispatch: Mapping[int, Callable[..., Any]] = {
        code: load
        for code, load in NumpyUnpickler.dispatch.items()
        # names by number are in a table of the process, which this class does not see
        if code not in {pickle.EXT1[0], pickle.EXT2[0], pickle.EXT4[0]}
    }

    def __init__(self, file: Any, names: _Names) -> None:
        super().__init__("", file, ensure_native_byte_order=True)
        self.fix_imports = False  # a name is what the file says, not what Python 2 meant by it
        self.names = names

    def find_class(self, module: str, name: str) -> Any:
        """The object of an allowed name; something that does nothing for any other."""
        if module.startswith("numpy.core."):  # before numpy 2
            module = module.replace("numpy.core.", "numpy._core.", 1)
        dotted = f"{module}.{name}"
        if not self.names.allows(dotted):
            return _Refused
        found = _STAND_INS.get(dotted) or super().find_class(module, name)
        self.names.found.add(id(found))
        return found

    def load_build(self) -> None:
        """Give an object its state; an array's bytes follow the description of the array."""
        state, built = self.stack[-1], self.stack[-2]
        if id(built) in self.names.found:
            _refuse("it changes what other models use")
        if isinstance(built, np.dtype):
            self.stack.pop()
            self._put_in_place(built, _with_state(built, state))
            return
        Unpickler.load_build(self)
        if isinstance(built, NumpyArrayWrapper):
            self.stack[-1] = self._array(built)

    dispatch[pickle.BUILD[0]] = load_build  # type: ignore[index]

    def _put_in_place(self, old: Any, new: Any) -> None:
        """Let what follows in the file find ``new`` where it would find ``old``, which is on top of the stack."""
        self.stack[-1] = new
        for place, remembered in reversed(self.memo.items()):
            if remembered is old:
                self.memo[place] = new
                break

    def _array(self, description: Any) -> Any:
        """The array that follows in the file: its bytes, or, where it holds objects, a pickle of its own."""
        if not isinstance(description.dtype, np.dtype):
            _refuse("an array has no type")
        if description.dtype.hasobject:
            return _Reader(self.file_handle, self.names).load()
        return NumpyArrayWrapper.read_array(description, self, True)


def _with_state(kind: "np.dtype[Any]", state: Any) -> "np.dtype[Any]":
    """A type of arrays with its state, as numpy itself describes it.

    A new one each time: what arrays have been made of stays as it was, and nothing of it is shared with the file. A state
    that contradicts the type is refused: numpy would take numbers for addresses of objects.
    """
    if not isinstance(state, tuple):
        _refuse("a type of arrays has no state")
    built = copy(kind)
    built.__setstate__(state)  # type: ignore[attr-defined]
    if built.names is None:
        described: np.dtype[Any] = np.dtype(built.str)
    else:
        parts = [built.fields[name] for name in built.names]  # type: ignore[index]
        described = np.dtype(
            {
                "names": built.names,
                "formats": [part[0] for part in parts],
                "offsets": [part[1] for part in parts],
                "itemsize": built.itemsize,
            },
            align=built.isalignedstruct,
        )
    same = (described.flags, described.itemsize) == (built.flags, built.itemsize)
    if built.subdtype is not None or not same or described != built:
        _refuse("an array says it holds what it does not")
    return described


def _refuse(problem: str) -> NoReturn:
    raise pickle.UnpicklingError(problem)
