"""Design: standardised features of training rows and every decomposition made of them, kept for the next units.

A layer is read once. Where it is wide (more columns than rows) only the samples x samples kernel is needed,
summed over blocks of columns, so that a memory-mapped layer never stands in memory whole. Where it is narrow its
columns are turned to their principal axes: their Gram is diagonal, and that of a fold differs from it by the rows
it leaves out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gyral.features.features import Features
from gyral.readouts._ridge_arrays import Arrays, Host, Matrix
from gyral.readouts._ridge_kept import Kept, key_of
from gyral.readouts._ridge_span import Centre
from gyral.readouts._spread import inverse_spread
from gyral.readouts.readout import Rows, require_finite
from gyral.threads import few_threads

# Bytes of standardised features that are kept although the kernel would do.
_KEPT_FEATURES = 256 << 20
# Bytes of float32 columns read at once.
_READ = 64 << 20
# Columns a row from which a kernel is summed from float32 products: twice as fast, and its smallest eigenvalues
# are far above what rounding leaves.
_WIDE = 4


@dataclass(frozen=True, eq=False)
class System:
    """Decomposition of one training set.

    Parameters
    ----------
    values : array, k
        Eigenvalues, float64, positive.
    vectors : Matrix, n x k (dual) or p x k (primal), or None
        float32; None where the axes of the design are those of the system.
    centre : Centre
    """

    values: Host
    vectors: Matrix | None
    centre: Centre

    def turn(self, rows: Matrix) -> Matrix:
        """Rows along the eigenvectors."""
        return rows if self.vectors is None else rows @ self.vectors


@dataclass(frozen=True, eq=False)
class Held:
    """Held-out rows seen by a design.

    Parameters
    ----------
    key : bytes
        Digest of their features.
    z : Matrix, held-out x p, or None
        Features as those of the design, of a layer narrower than the training rows.
    kernel : Matrix, held-out x n, or None
        Kernel with the training rows, float64, of any other.
    """

    key: bytes
    z: Matrix | None
    kernel: Matrix | None


class Design:
    """Standardised features of ``rows`` and what was made of them.

    Parameters
    ----------
    arrays : Arrays
    features : Features
    rows : int array
        Training rows.

    Attributes
    ----------
    z : Matrix, n x p, or None
        Standardised features, of a layer narrower than its rows along their principal axes.
    values : array, p, or None
        Eigenvalues of these axes.
    kept : Kept
        What was made of the design.

    Raises
    ------
    BadFeatures
        A value is not finite (``features-finite``).
    """

    def __init__(self, arrays: Arrays, features: Features, rows: Rows) -> None:
        self.arrays = arrays
        self.rows = rows
        self.width = self._columns = features.width
        self.kept = Kept()
        self.values: Host | None = None
        self._axes: Matrix | None = None
        self._mean = np.zeros(self.width, np.float32)
        self._scale = np.zeros(self.width, np.float32)
        count = len(rows)
        keep = count > self.width or 4 * count * self.width <= _KEPT_FEATURES
        z = np.empty((count, self.width), np.float32) if keep else None
        self._features = None if keep else features
        self._is_exact = self.width < _WIDE * count
        wide = self.width >= count
        kernel = arrays.zeros((count, count), "double") if wide else None
        for columns in self._blocks(count):
            block = self._standardise(features, columns)
            if z is not None:
                z[:, columns] = block
            if kernel is not None:
                kernel += _gram(arrays, arrays.put(block).T, exact=self._is_exact)
        self._kernel: Matrix = kernel
        self.z: Matrix = None if z is None else arrays.put(z)
        if not wide:
            with few_threads(self.width):
                self._turn()

    @property
    def kernel(self) -> Matrix:
        """Kernel of all rows, float64; of a layer narrower than its rows only where a fold is dual."""
        if self._kernel is None:
            self._kernel = _gram(self.arrays, self.z.T, exact=True)
        return self._kernel

    @property
    def nbytes(self) -> int:
        """Bytes held, on the host or the device."""
        kernel = 0 if self._kernel is None else self._kernel.nbytes
        return int(kernel + (0 if self.z is None else self.z.nbytes) + self.kept.nbytes)

    def is_dual(self, rows: int) -> bool:
        """True where a training set of ``rows`` samples is decomposed by samples."""
        return rows <= self.width

    def system(self, train: Rows) -> System:
        """Decomposition of training rows (positions within ``rows``)."""
        return self.kept.get(("system", train.tobytes()), lambda: self._system(train))

    def held(self, features: Features, rows: Rows) -> Held:
        """Held-out rows of the same layer.

        Raises
        ------
        BadFeatures
            A value is not finite (``features-finite``).
        """
        key = key_of(features, rows)
        return self.kept.get(("held", key), lambda: self._held(features, rows, key))

    def ahead(self, system: System, held: Held) -> Matrix:
        """Rotated design ``A`` of held-out rows: rows x k."""
        key = ("ahead", system.centre.train.tobytes(), held.key)
        return self.kept.get(key, lambda: self.rotated(system, self._side(system, held)))

    def _side(self, system: System, held: Held) -> Matrix:
        if not system.centre.dual:
            return held.z
        if held.kernel is not None:
            return held.kernel
        return self.arrays.cast(held.z, "double") @ self.arrays.cast(self.z, "double").T

    def centred(self, centre: Centre, responses: Matrix, products: Matrix | None, mean: Matrix) -> Matrix:
        """Centred responses (dual, units x n) or centred features by responses (primal, units x p).

        Parameters
        ----------
        responses : Matrix, samples x units
        products : Matrix, p x units, or None
            Features by responses over the training rows, for the primal form.
        mean : Matrix, units
            Mean response over the training rows.
        """
        if centre.dual:
            # Eigenvectors of a centred kernel sum to zero: the mean of the responses leaves no trace.
            return self.arrays.take(responses, centre.train).T
        assert products is not None  # noqa: S101 - the caller asks `is_dual`
        return self.arrays.less_outer(products, (len(centre.train) * centre.mean, mean)).T

    def rotated(self, system: System, held: Matrix) -> Matrix:
        """``A`` of rows (primal) or of rows of the kernel (dual)."""
        centre = system.centre
        if not centre.dual:
            return system.turn(held - centre.mean)
        cross = self.arrays.take(held.T, centre.train).T
        cross = cross - cross.mean(axis=1)[:, None] - centre.mean + centre.overall
        return self.arrays.cast(cross @ self.arrays.cast(system.vectors, "double"), "single")

    def _blocks(self, count: int) -> list[slice]:
        step = max(1, min(self._columns, _READ // (4 * max(count, 1))))
        return [slice(start, min(start + step, self._columns)) for start in range(0, self._columns, step)]

    def _standardise(self, features: Features, columns: slice) -> Host:
        block = _read(features, self.rows, columns)
        ones = np.full(len(block), 1 / max(len(block), 1), np.float32)
        with np.errstate(invalid="ignore", over="ignore"):
            mean = ones @ block
            block -= mean
            sd = np.sqrt(ones @ (block * block))
        if not np.isfinite(sd).all():
            require_finite(features, _read(features, self.rows, columns), self.rows)
        scale = inverse_spread(mean, sd)
        self._mean[columns], self._scale[columns] = mean, scale
        block *= scale
        return block

    def _turn(self) -> None:
        """Turn standardised features to their principal axes."""
        arrays, count = self.arrays, len(self.rows)
        gram, sums = self._sums(np.arange(count))
        mean = sums / count
        values, vectors = _decomposed(arrays, gram - sums[:, None] * mean, 1e-10)
        if not len(values):
            # A layer that never varies keeps a column, of zeros.
            vectors = arrays.zeros((self.width, 1), "double")
        self.values, self.width = values if len(values) else None, vectors.shape[1]
        turned_ = arrays.zeros((count, self.width))
        for rows, part in self._parts(np.arange(count)):
            turned_[rows] = arrays.cast((part - mean) @ vectors, "single")
        self.z, self._axes = turned_, arrays.cast(vectors, "single")
        self._shift = arrays.cast(mean @ vectors, "single")

    def _system(self, train: Rows) -> System:
        if self.values is not None and len(train) == len(self.rows):
            return System(self.values, None, Centre(train, False, self.arrays.zeros((self.width,))))
        with few_threads(min(len(train), self.width)):
            if self.is_dual(len(train)):
                kernel = self.arrays.take(self.arrays.take(self.kernel, train).T, train)
                centre = Centre(train, True, kernel.mean(axis=0), float(kernel.mean()))
                gram = kernel - centre.mean - centre.mean[:, None] + centre.overall
            else:
                mean, gram = self._scatter(train)
                centre = Centre(train, False, self.arrays.cast(mean, "single"))
            values, vectors = _decomposed(self.arrays, gram, 1e-10 if self._is_exact else 1e-6)
        return System(values, self.arrays.cast(vectors, "single"), centre)

    def _scatter(self, train: Rows) -> tuple[Matrix, Matrix]:
        """Mean row and centred Gram of training rows, float64."""
        rest = np.setdiff1d(np.arange(len(self.rows)), train)
        if len(rest) < len(train):
            out, less = self._sums(rest)
            total, sums = self.kept.get("gram", lambda: _added((out, less), self._sums(train)))
            total, sums = total - out, sums - less
        else:
            total, sums = self._sums(train)
        mean = sums / len(train)
        return mean, total - sums[:, None] * mean

    def _sums(self, rows: Rows) -> tuple[Matrix, Matrix]:
        gram = self.arrays.zeros((self.width, self.width), "double")
        sums = self.arrays.zeros((self.width,), "double")
        for _, part in self._parts(rows):
            gram += part.T @ part
            sums += part.sum(axis=0)
        return gram, sums

    def _parts(self, rows: Rows) -> Iterator[tuple[slice, Matrix]]:
        """Some rows after others in float64."""
        step = max(1, _READ // (8 * self.width))
        for start in range(0, len(rows), step):
            part = slice(start, min(start + step, len(rows)))
            yield part, self.arrays.cast(self.arrays.take(self.z, rows[part]), "double")

    def _held(self, features: Features, rows: Rows, key: bytes) -> Held:
        narrow = self._axes is not None
        z = np.empty((len(rows), self._columns), np.float32) if narrow else None
        kernel = None if narrow else self.arrays.zeros((len(rows), len(self.rows)), "double")
        for columns in self._blocks(len(rows) + len(self.rows)):
            block = _read(features, rows, columns)
            if not np.isfinite(block.sum()):
                require_finite(features, block, rows)
            block = (block - self._mean[columns]) * self._scale[columns]
            if z is not None:
                z[:, columns] = block
            else:
                kernel += self.arrays.cast(self.arrays.put(block) @ self._training(columns).T, "double")
        return Held(key, None if z is None else self.arrays.put(z) @ self._axes - self._shift, kernel)

    def _training(self, columns: slice) -> Matrix:
        if self.z is not None:
            return self.z[:, columns]
        assert self._features is not None  # noqa: S101 - kept where the standardised features are not
        block = _read(self._features, self.rows, columns)
        return self.arrays.put((block - self._mean[columns]) * self._scale[columns])


def _added(one: tuple[Matrix, Matrix], other: tuple[Matrix, Matrix]) -> tuple[Matrix, Matrix]:
    return one[0] + other[0], one[1] + other[1]


def _read(features: Features, rows: Rows, columns: slice) -> Host:
    """Some columns of some rows as a new float32 array."""
    flat = features.array.reshape(len(features), -1)
    return np.asarray(flat[rows, columns], np.float32)


def _gram(arrays: Arrays, columns: Matrix, exact: bool) -> Matrix:
    values = arrays.cast(columns, "double" if exact else "single")
    return arrays.cast(values.T @ values, "double")


def _decomposed(arrays: Arrays, gram: Matrix, tolerance: float) -> tuple[Host, Matrix]:
    """Eigenvalues above a share of the largest and their vectors: below it noise would be blown up by a small penalty."""
    values, vectors = arrays.eigh(gram)
    found = arrays.host(values)
    first = int(np.searchsorted(found, max(float(found[-1]), 0.0) * tolerance, side="right"))
    return found[first:].copy(), vectors[:, first:]
