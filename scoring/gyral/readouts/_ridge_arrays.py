"""Arrays of the ridge engine: numpy (OpenBLAS) on the CPU, torch on an accelerator, one solver text for both."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from gyral.readouts._kernel import right_solve
from gyral.readouts.readout import Rows

# A numpy array or a torch tensor: whatever the namespace at hand makes.
Matrix = Any
Host = NDArray[np.floating[Any]]
Precision = Literal["single", "double"]

# Numbers that a processor's cache holds beside what is made of them.
_CACHED = 64 << 10


class Arrays(Protocol):
    """What the solver needs beside operators that numpy arrays and torch tensors share."""

    def put(self, values: Host, precision: Precision = "single") -> Matrix:
        """``values`` on the device."""
        ...

    def host(self, values: Matrix) -> Host:
        """``values`` as a numpy array."""
        ...

    def cast(self, values: Matrix, precision: Precision) -> Matrix:
        """``values`` in another precision."""
        ...

    def take(self, values: Matrix, rows: Rows) -> Matrix:
        """Rows of ``values``; a view where they are consecutive."""
        ...

    def zeros(self, shape: tuple[int, ...], precision: Precision = "single") -> Matrix:
        """Zeros on the device."""
        ...

    def turn(self, values: Matrix) -> Matrix:
        """Transpose, laid out row by row."""
        ...

    def eigh(self, gram: Matrix) -> tuple[Matrix, Matrix]:
        """Eigenvalues, ascending, and eigenvectors."""
        ...

    def solve(self, within: Matrix, right: Matrix) -> Matrix:
        """``(1 + within)^-1 right``, symmetric and positive definite."""
        ...

    def triangle(self, tall: Matrix) -> Matrix:
        """R of the QR factors; of a Cholesky factor where that is defined, which is as good for ``R' R``."""
        ...

    def product(self, left: Matrix, right: Matrix, reduced: bool) -> Matrix:
        """``left @ right``, with bfloat16 factors where ``reduced``."""
        ...

    def sizes(self, values: Matrix) -> Matrix:
        """Squared size of each row, summed in float64."""
        ...

    def less_outer(self, values: Matrix, *pairs: tuple[Matrix, Matrix]) -> Matrix:
        """``values`` less the outer product of each pair, a column and a row."""
        ...


class NumpyArrays:
    """Arrays in the memory of the host; see `Arrays`."""

    def put(self, values: Host, precision: Precision = "single") -> Matrix:
        return values.astype(_NUMPY[precision], copy=False)

    def host(self, values: Matrix) -> Host:
        return np.asarray(values)

    def cast(self, values: Matrix, precision: Precision) -> Matrix:
        return values.astype(_NUMPY[precision], copy=False)

    def take(self, values: Matrix, rows: Rows) -> Matrix:
        return values[run_of(rows)]

    def zeros(self, shape: tuple[int, ...], precision: Precision = "single") -> Matrix:
        return np.zeros(shape, _NUMPY[precision])

    def turn(self, values: Matrix) -> Matrix:
        return np.ascontiguousarray(values.T)

    def eigh(self, gram: Matrix) -> tuple[Matrix, Matrix]:
        values, vectors = np.linalg.eigh(gram)
        return values, vectors

    def solve(self, within: Matrix, right: Matrix) -> Matrix:
        return right_solve(torch.from_numpy(within), torch.from_numpy(right).T, 1.0).T.numpy()

    def triangle(self, tall: Matrix) -> Matrix:
        try:
            return np.linalg.cholesky(tall.T @ tall).T
        except np.linalg.LinAlgError:
            return np.linalg.qr(tall, mode="r")

    def product(self, left: Matrix, right: Matrix, reduced: bool) -> Matrix:
        if not (reduced and has_fast_bfloat16()):
            return left @ right
        halves = (torch.from_numpy(side).bfloat16() for side in (left, right))
        return torch.matmul(*halves).float().numpy()

    def sizes(self, values: Matrix) -> Matrix:
        found = np.empty(len(values))
        for rows in some_rows(values):
            found[rows] = np.square(values[rows]).sum(axis=1, dtype=np.float64)
        return found

    def less_outer(self, values: Matrix, *pairs: tuple[Matrix, Matrix]) -> Matrix:
        found = np.empty_like(values)
        for rows in some_rows(values):
            part = values[rows]
            for column, row in pairs:
                part = np.subtract(part, column[rows, None] * row, out=found[rows])
        return found


class TorchArrays:
    """Arrays on a torch device; see `Arrays`."""

    def __init__(self, device: str) -> None:
        self.device = device

    def put(self, values: Host, precision: Precision = "single") -> Matrix:
        host = np.ascontiguousarray(values)
        # torch warns of read-only memory although nothing here writes to it.
        return torch.from_numpy(host if host.flags.writeable else host.copy()).to(self.device, _TORCH[precision])

    def host(self, values: Matrix) -> Host:
        found: Host = values.cpu().numpy()
        return found

    def cast(self, values: Matrix, precision: Precision) -> Matrix:
        return values.to(_TORCH[precision])

    def take(self, values: Matrix, rows: Rows) -> Matrix:
        run = run_of(rows)
        return values[
            run if isinstance(run, slice) else torch.from_numpy(np.asarray(run, np.int64)).to(self.device)
        ]

    def zeros(self, shape: tuple[int, ...], precision: Precision = "single") -> Matrix:
        return torch.zeros(shape, dtype=_TORCH[precision], device=self.device)

    def turn(self, values: Matrix) -> Matrix:
        return values.T.contiguous()

    def eigh(self, gram: Matrix) -> tuple[Matrix, Matrix]:
        values, vectors = torch.linalg.eigh(gram)
        return values, vectors

    def solve(self, within: Matrix, right: Matrix) -> Matrix:
        return right_solve(within, right.T, 1.0).T

    def triangle(self, tall: Matrix) -> Matrix:
        found, failed = torch.linalg.cholesky_ex(tall.T @ tall, upper=True)
        return torch.linalg.qr(tall, mode="r").R if failed else found

    def product(self, left: Matrix, right: Matrix, reduced: bool) -> Matrix:
        return (left.bfloat16() @ right.bfloat16()).float() if reduced else left @ right

    def sizes(self, values: Matrix) -> Matrix:
        return (values * values).sum(dim=1, dtype=torch.float64)

    def less_outer(self, values: Matrix, *pairs: tuple[Matrix, Matrix]) -> Matrix:
        for column, row in pairs:
            values = torch.addr(values, column, row, alpha=-1)
        return values


_NUMPY = {"single": np.float32, "double": np.float64}
_TORCH = {"single": torch.float32, "double": torch.float64}


def arrays_on(device: str) -> Arrays:
    """The namespace of a device: numpy for "cpu", torch for all others."""
    return NumpyArrays() if device == "cpu" else TorchArrays(device)


def some_rows(values: Matrix) -> Iterator[slice]:
    """Consecutive rows: as many at once as a processor's cache holds beside what is made of them, else all."""
    step = max(1, _CACHED // max(1, values.shape[1]) if isinstance(values, np.ndarray) else len(values))
    for start in range(0, len(values), step):
        yield slice(start, min(start + step, len(values)))


def run_of(rows: Rows) -> slice | Rows:
    """Consecutive ascending rows as a slice, which numpy and torch take without a copy."""
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def has_fast_bfloat16() -> bool:
    """True where the processor multiplies bfloat16 faster than float32 (AVX-512 BF16 or AMX)."""
    # torch offers no public question for this.
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in asked)


@contextmanager
def full_precision() -> Iterator[None]:
    """Float32 products with all their bits whatever the caller set: no TF32 on an accelerator."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
