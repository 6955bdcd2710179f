"""Design: standardised features of training rows and every decomposition made of them, kept for the next units.

A layer is read once. Where it is wide (more columns than rows) only the samples x samples kernel is needed,
summed over blocks of columns, so that a memory-mapped layer never stands in memory whole.
"""

from dataclasses import dataclass

import numpy as np

from gyral.features.features import Features
from gyral.readouts._ridge_arrays import Arrays, Host, Matrix, few_threads
from gyral.readouts._ridge_kept import Kept, key_of
from gyral.readouts._ridge_solver import Gains, gains_of
from gyral.readouts.readout import Rows, require_finite

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
    vectors : Matrix, n x k (dual) or p x k (primal)
        float32.
    dual : bool
    train : int array
        Rows of the design.
    mean : Matrix
        Mean row of the training features (primal), or mean of each column of the training kernel (dual).
    overall : float
        Mean of the training kernel (dual).
    """

    values: Host
    vectors: Matrix
    dual: bool
    train: Rows
    mean: Matrix
    overall: float


@dataclass(frozen=True, eq=False)
class Held:
    """Held-out rows seen by a design.

    Parameters
    ----------
    key : bytes
        Digest of their features.
    z : Matrix, held-out x p, or None
        Standardised features, of a layer narrower than the training rows.
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

    Raises
    ------
    BadFeatures
        A value is not finite (``features-finite``).
    """

    def __init__(self, arrays: Arrays, features: Features, rows: Rows) -> None:
        self.arrays = arrays
        self.rows = rows
        self.width = features.width
        self._kept = Kept()
        self._mean = np.zeros(self.width, np.float32)
        self._scale = np.zeros(self.width, np.float32)
        count = len(rows)
        keep = count > self.width or 4 * count * self.width <= _KEPT_FEATURES
        self._z = np.empty((count, self.width), np.float32) if keep else None
        self._features = None if keep else features
        self._is_exact = self.width < _WIDE * count
        wide = self.width >= count
        kernel = arrays.zeros((count, count), "double") if wide else None
        for columns in self._blocks(count):
            block = self._standardise(features, columns)
            if self._z is not None:
                self._z[:, columns] = block
            if kernel is not None:
                kernel += _gram(arrays, arrays.put(block).T, exact=self._is_exact)
        self._kernel: Matrix = kernel
        self.z: Matrix = None if self._z is None else arrays.put(self._z)

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
        return int(kernel + (0 if self._z is None else self._z.nbytes) + self._kept.nbytes)

    def is_dual(self, rows: int) -> bool:
        """True where a training set of ``rows`` samples is decomposed by samples."""
        return rows <= self.width

    def system(self, train: Rows) -> System:
        """Decomposition of training rows (positions within ``rows``)."""
        return self._kept.get(("system", train.tobytes()), lambda: self._system(train))

    def gains(self, train: Rows, test: Rows, penalties: Host) -> Gains:
        """Gains of an inner fold."""
        key = ("gains", train.tobytes(), test.tobytes(), penalties.tobytes())
        return self._kept.get(key, lambda: self._gains(train, test, penalties))

    def held(self, features: Features, rows: Rows) -> Held:
        """Held-out rows of the same layer.

        Raises
        ------
        BadFeatures
            A value is not finite (``features-finite``).
        """
        key = key_of(features, rows)
        return self._kept.get(("held", key), lambda: self._held(features, rows, key))

    def ahead(self, system: System, held: Held) -> Matrix:
        """Rotated design ``A`` of held-out rows: rows x k."""
        key = ("ahead", system.train.tobytes(), held.key)
        return self._kept.get(key, lambda: self._rotated(system, self._side(system, held)))

    def _side(self, system: System, held: Held) -> Matrix:
        if not system.dual:
            return held.z
        if held.kernel is not None:
            return held.kernel
        return self.arrays.cast(held.z, "double") @ self.arrays.cast(self.z, "double").T

    def maps(self, train: Rows, test: Rows, penalties: Host) -> Matrix:
        """Maps of an inner fold; see `Gains.maps`."""
        key = ("maps", train.tobytes(), test.tobytes(), penalties.tobytes())
        found, system = self.gains(train, test, penalties), self.system(train)
        return self._kept.get(key, lambda: found.maps(system.vectors))

    def centred(self, system: System, responses: Matrix, products: Matrix | None, mean: Matrix) -> Matrix:
        """Centred responses (dual, units x n) or centred features by responses (primal, units x p).

        Parameters
        ----------
        responses : Matrix, samples x units
        products : Matrix, p x units, or None
            Features by responses over the training rows, for the primal form.
        mean : Matrix, units
            Mean response over the training rows.
        """
        if system.dual:
            # Eigenvectors of a centred kernel sum to zero: the mean of the responses leaves no trace.
            return self.arrays.take(responses, system.train).T
        assert products is not None  # noqa: S101 - the caller asks `is_dual`
        return products.T - mean[:, None] * (len(system.train) * system.mean)

    def _blocks(self, count: int) -> list[slice]:
        step = max(1, min(self.width, _READ // (4 * max(count, 1))))
        return [slice(start, min(start + step, self.width)) for start in range(0, self.width, step)]

    def _standardise(self, features: Features, columns: slice) -> Host:
        block = _read(features, self.rows, columns)
        ones = np.full(len(block), 1 / max(len(block), 1), np.float32)
        with np.errstate(invalid="ignore", over="ignore"):
            mean = ones @ block
            block -= mean
            sd = np.sqrt(ones @ (block * block))
        if not np.isfinite(sd).all():
            require_finite(features, _read(features, self.rows, columns), self.rows)
        # A column whose spread is rounding of its mean is constant: it gets no weight at all.
        varies = sd > 1e-6 * np.abs(mean) + 1e-30
        scale = np.where(varies, 1 / np.maximum(sd, np.float32(1e-30)), 0).astype(np.float32)
        self._mean[columns], self._scale[columns] = mean, scale
        block *= scale
        return block

    def _system(self, train: Rows) -> System:
        size = min(len(train), self.width)
        with few_threads(size):
            if self.is_dual(len(train)):
                kernel = self.arrays.take(self.arrays.take(self.kernel, train).T, train)
                mean, overall = kernel.mean(axis=0), float(kernel.mean())
                gram = kernel - mean - mean[:, None] + overall
                tolerance = 1e-10 if self._is_exact else 1e-6
            else:
                mean, gram, overall, tolerance = *self._scatter(train), 0.0, 1e-10
            values, vectors = self.arrays.eigh(gram)
        # Directions below rounding of the largest carry noise that a small penalty would blow up.
        found = self.arrays.host(values)
        first = int(np.searchsorted(found, max(float(found[-1]), 0.0) * tolerance, side="right"))
        vectors = self.arrays.cast(vectors[:, first:], "single")
        mean = mean if self.is_dual(len(train)) else self.arrays.cast(mean, "single")
        return System(found[first:].copy(), vectors, self.is_dual(len(train)), train, mean, overall)

    def _scatter(self, train: Rows) -> tuple[Matrix, Matrix]:
        """Mean row and centred Gram of training rows, float64."""
        total, sums = self._kept.get("gram", lambda: self._sums(np.arange(len(self.rows))))
        rest = np.setdiff1d(np.arange(len(self.rows)), train)
        if len(rest) < len(train):
            out, less = self._sums(rest)
            total, sums = total - out, sums - less
        else:
            total, sums = self._sums(train)
        mean = sums / len(train)
        return mean, total - sums[:, None] * mean

    def _sums(self, rows: Rows) -> tuple[Matrix, Matrix]:
        gram = self.arrays.zeros((self.width, self.width), "double")
        sums = self.arrays.zeros((self.width,), "double")
        step = max(1, _READ // (8 * self.width))
        for start in range(0, len(rows), step):
            part = self.arrays.cast(self.arrays.take(self.z, rows[start : start + step]), "double")
            gram += part.T @ part
            sums += part.sum(axis=0)
        return gram, sums

    def _gains(self, train: Rows, test: Rows, penalties: Host) -> Gains:
        system = self.system(train)
        held = self.arrays.take(self.kernel if system.dual else self.z, test)
        cost = len(system.values) * (len(test) if system.dual else self.width)
        with few_threads(len(train)):
            design = self._rotated(system, held)
            return gains_of(self.arrays, design, system.values, penalties, cost)

    def _rotated(self, system: System, held: Matrix) -> Matrix:
        if not system.dual:
            return held @ system.vectors - system.mean @ system.vectors
        cross = self.arrays.take(held.T, system.train).T
        cross = cross - cross.mean(axis=1)[:, None] - system.mean + system.overall
        return self.arrays.cast(cross @ self.arrays.cast(system.vectors, "double"), "single")

    def _held(self, features: Features, rows: Rows, key: bytes) -> Held:
        narrow = self.width < len(self.rows)
        z = np.empty((len(rows), self.width), np.float32) if narrow else None
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
        return Held(key, None if z is None else self.arrays.put(z), kernel)

    def _training(self, columns: slice) -> Matrix:
        if self.z is not None:
            return self.z[:, columns]
        assert self._features is not None  # noqa: S101 - kept where the standardised features are not
        block = _read(self._features, self.rows, columns)
        return self.arrays.put((block - self._mean[columns]) * self._scale[columns])


def _read(features: Features, rows: Rows, columns: slice) -> Host:
    """Some columns of some rows as a new float32 array."""
    flat = features.array.reshape(len(features), -1)
    return np.asarray(flat[rows, columns], np.float32)


def _gram(arrays: Arrays, columns: Matrix, exact: bool) -> Matrix:
    values = arrays.cast(columns, "double" if exact else "single")
    return arrays.cast(values.T @ values, "double")
