"""Dictionaries of arrays that were published as pickles inside ``.npy``: read without running what a pickle may run.

`numpy.load(allow_pickle=True)` executes whatever the file says. Here a list of opcodes builds plain containers, numbers and
texts; the only names that a file may call are those by which numpy writes an array, and they are answered by classes of ours that
record what they are told. Everything else is refused by name, and no length is believed that the file does not have.
"""

import pickle
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadDataset

_KINDS = "biufSU"  # numbers, truth values, texts
_MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")
_OPEN = object()
# Containers, numbers, texts, bytes and the memo; nothing that makes instances of a class, imports by extension codes, or
# asks for persistent objects.
_ALLOWED = (
    *(pickle.PROTO, pickle.FRAME, pickle.STOP, pickle.MARK, pickle.POP, pickle.POP_MARK, pickle.DUP),
    *(pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.INT, pickle.BININT, pickle.BININT1, pickle.BININT2),
    *(pickle.LONG1, pickle.LONG4, pickle.FLOAT, pickle.BINFLOAT),
    *(pickle.STRING, pickle.BINSTRING, pickle.SHORT_BINSTRING, pickle.UNICODE, pickle.BINUNICODE),
    *(pickle.SHORT_BINUNICODE, pickle.BINUNICODE8, pickle.BINBYTES, pickle.SHORT_BINBYTES, pickle.BINBYTES8),
    *(pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
    *(pickle.EMPTY_LIST, pickle.LIST, pickle.APPEND, pickle.APPENDS),
    *(pickle.EMPTY_DICT, pickle.DICT, pickle.SETITEM, pickle.SETITEMS),
    *(
        pickle.PUT,
        pickle.BINPUT,
        pickle.LONG_BINPUT,
        pickle.GET,
        pickle.BINGET,
        pickle.LONG_BINGET,
        pickle.MEMOIZE,
    ),
    *(pickle.GLOBAL, pickle.STACK_GLOBAL),
)


def load_dictionary(path: Path) -> dict[Any, Any]:
    """The dictionary in a ``.npy`` file that `numpy.save` made of it, or in a bare pickle of that name.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict
        Of numbers, texts, lists, tuples, dictionaries and arrays (numbers, truth values, texts, or lists of objects).

    Raises
    ------
    BadDataset
        The pickle asks for anything else (``pickle-refused``), is damaged, or holds no dictionary (``not-a-dictionary``).
    """
    try:
        with path.open("rb") as stream:
            found = _Unpickler(_Bounded(stream, path.stat().st_size), str(path)).load_after_header()
        plain = _plain(found, {})
    except BadDataset:
        raise
    except FileNotFoundError:
        raise BadDataset("no such file.", where=str(path), code="file-missing") from None
    except Exception as error:  # noqa: BLE001 - damaged opcodes end in any error
        raise BadDataset(
            f"not a dictionary that numpy saved: {type(error).__name__}: {error}.",
            where=str(path),
            code="not-a-dictionary",
        ) from None
    if isinstance(plain, np.ndarray) and plain.shape == ():
        plain = plain.item()
    if not isinstance(plain, dict):
        raise BadDataset(
            f"it holds {_kind_of(plain)}; a dictionary is expected.", where=str(path), code="not-a-dictionary"
        )
    return plain


def array_in(found: dict[Any, Any], key: str, path: Path, axes: int) -> NDArray[Any]:
    """An array of numbers by its key.

    Raises
    ------
    BadDataset
        No such key (``missing-key``), or no numbers with so many axes (``array``).
    """
    value = np.asarray(value_in(found, key, path))
    if value.dtype.kind not in "fiu" or value.ndim != axes:
        raise BadDataset(
            f"{key!r} has shape {value.shape!r}, {value.dtype}; numbers with {axes} axes are expected.",
            where=str(path),
            code="array",
        )
    return value


def texts_in(found: dict[Any, Any], key: str, path: Path) -> list[str]:
    """A list of texts by its key; errors as `value_in`."""
    return [str(v) for v in np.asarray(value_in(found, key, path)).ravel().tolist()]


def value_in(found: dict[Any, Any], key: str, path: Path) -> Any:
    """A value by its key.

    Raises
    ------
    BadDataset
        No such key (``missing-key``).
    """
    if key not in found:
        known = ", ".join(sorted(map(repr, found))[:12]) or "none"
        raise BadDataset(f"there is no key {key!r}.", where=str(path), mend=f"Keys: {known}.", code="missing-key")
    return found[key]


class _Bounded:
    """A stream that refuses to be asked for more than it has: a length in a pickle may be made up."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self.stream, self.size = stream, size

    def read(self, count: int) -> bytes:
        if count > self.size - self.stream.tell():
            raise EOFError("the file ends early")
        return self.stream.read(count)

    def readline(self) -> bytes:
        return self.stream.readline()


class _Type:
    """What is said of a dtype."""

    def __init__(self, text: str) -> None:
        self.text, self.order = text, "="

    def told(self, state: tuple[Any, ...]) -> None:
        self.order = {"<": "<", ">": ">", "|": "|"}.get(state[1], "=")
        if any(s is not None for s in state[2:5]):
            raise ValueError("arrays with fields")

    @property
    def of_objects(self) -> bool:
        return self.text.lstrip("|") in ("O", "O8")

    @property
    def dtype(self) -> np.dtype[Any]:
        if self.text[:1] not in _KINDS or not (self.text[1:].isdigit() and len(self.text) < 8):
            raise ValueError(f"arrays of {self.text!r}")
        return np.dtype(self.text).newbyteorder(self.order)  # type: ignore[arg-type]


class _Array:
    """What is said of an array."""

    def __init__(self) -> None:
        self.made: NDArray[Any] | tuple[tuple[int, ...], list[Any]] | None = None

    def told(self, state: tuple[Any, ...]) -> None:
        shape, kind, fortran, data = state[-4:]
        if not (isinstance(kind, _Type) and isinstance(shape, tuple) and all(type(n) is int for n in shape)):
            raise ValueError("an array without shape or type")
        if kind.of_objects:
            self.made = (shape, list(data))
            return
        self.made = np.frombuffer(data, kind.dtype).reshape(shape, order="F" if fortran else "C")


class _Name:
    """A name that a file may use."""

    def __init__(self, text: str) -> None:
        self.text = text


class _Unpickler(pickle._Unpickler):
    """Python's own unpickler with most of it taken out."""

    stack: list[Any]
    dispatch = {code[0]: pickle._Unpickler.dispatch[code[0]] for code in _ALLOWED}

    def __init__(self, stream: _Bounded, where: str) -> None:
        super().__init__(stream)
        self.stream, self.where = stream, where

    def load_after_header(self) -> Any:
        """The object behind the header of ``.npy``, or at the start of a bare pickle."""
        start = self.stream.read(min(6, self.stream.size))
        self.stream.stream.seek(0)
        if start == np.lib.format.MAGIC_PREFIX:
            version = np.lib.format.read_magic(self.stream.stream)
            read = (
                np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read(self.stream.stream)
            if not dtype.hasobject:
                raise BadDataset(
                    f"it holds a plain array of shape {shape!r}; a dictionary is expected.",
                    where=self.where,
                    code="not-a-dictionary",
                )
        return self.load()

    def load(self) -> Any:
        """As the base class; an opcode that is not allowed is named."""
        try:
            return super().load()
        except KeyError as error:
            code = bytes(error.args)[:1] if error.args and type(error.args[0]) is int else b"?"
            raise self._refused(f"the opcode {code!r}") from None

    def find_class(self, module: str, name: str) -> Any:
        """A name of numpy's by which arrays are written; nothing is imported."""
        known = ("ndarray", "dtype") if module == "numpy" else ("_reconstruct", "scalar")
        if module not in _MODULES or name not in known:
            raise self._refused(f"{module}.{name}")
        return _Name(name)

    def load_reduce(self) -> None:
        """Call one of the names."""
        arguments = self.stack.pop()
        name = self.stack[-1]
        if not isinstance(name, _Name) or not isinstance(arguments, tuple):
            raise self._refused("a call of something else than numpy's arrays")
        if name.text == "_reconstruct":
            self.stack[-1] = _Array()
        elif name.text == "dtype" and arguments and type(arguments[0]) is str:
            self.stack[-1] = _Type(arguments[0])
        elif name.text == "scalar" and isinstance(arguments[0], _Type):
            self.stack[-1] = np.frombuffer(arguments[1], arguments[0].dtype)[0].item()
        else:
            raise self._refused(f"a call of numpy.{name.text}")

    def load_build(self) -> None:
        """Tell an array or a dtype its state."""
        state = self.stack.pop()
        made = self.stack[-1]
        if not isinstance(made, _Array | _Type) or not isinstance(state, tuple):
            raise self._refused("the state of something else than numpy's arrays")
        made.told(state)

    def _refused(self, what: str) -> BadDataset:
        return BadDataset(
            f"the pickle in it asks for {what}; only arrays of numbers and texts in plain containers are read.",
            where=self.where,
            mend="Do not open it with numpy either unless you trust who made it: opening a pickle can run any program.",
            code="pickle-refused",
        )

    dispatch[pickle.REDUCE[0]] = load_reduce  # type: ignore[assignment]  # typeshed has the base class here
    dispatch[pickle.BUILD[0]] = load_build  # type: ignore[assignment]


def _plain(value: Any, done: dict[int, Any]) -> Any:
    """Containers with arrays in place of what was said of them; each is made once, however often it is referred to."""
    if not isinstance(value, dict | list | tuple | _Array | _Type | _Name):
        return value
    if id(value) in done:
        if done[id(value)] is _OPEN:
            raise ValueError("a container inside itself")
        return done[id(value)]
    done[id(value)] = _OPEN
    made: Any
    if isinstance(value, dict):
        made = {_plain(k, done): _plain(v, done) for k, v in value.items()}
    elif isinstance(value, list | tuple):
        made = type(value)(_plain(v, done) for v in value)
    elif isinstance(value, _Array) and isinstance(value.made, tuple):
        shape, items = value.made
        flat = np.empty(len(items), object)
        flat[:] = [_plain(v, done) for v in items]
        made = flat.reshape(shape)
    elif isinstance(value, _Array) and value.made is not None:
        made = value.made
    else:
        raise ValueError("a type without an array")
    done[id(value)] = made
    return made


def _kind_of(value: Any) -> str:
    return f"an array of shape {value.shape!r}" if isinstance(value, np.ndarray) else type(value).__name__
