"""Other people's ridge with a penalty per unit, each with the same grid, folds, refit and held-out prediction.

Every function takes ``(z, y, new, grid, folds, batch)`` - standardised float32 training features, centred
responses, standardised held-out features, penalties, inner folds and units at once - and returns held-out
predictions and chosen penalties. None of them centres within folds, which is less work than ours.
"""

from collections.abc import Callable, Sequence

import numpy as np

from gyral.datasets.split import Fold

Solver = Callable[
    [np.ndarray, np.ndarray, np.ndarray, np.ndarray, Sequence[Fold], int], tuple[np.ndarray, np.ndarray]
]


def sklearn_ridge(z, y, new, grid, folds, batch):
    """scikit-learn's RidgeCV: leave-one-out, as it knows no folds with a penalty per unit."""
    from sklearn.linear_model import RidgeCV

    fitted = RidgeCV(alphas=grid, alpha_per_target=True, fit_intercept=False).fit(z, y)
    return fitted.predict(new), fitted.alpha_


def _himalaya(backend: str, kernel: bool, device: str = "cpu") -> Solver:
    def solve(z, y, new, grid, folds, batch):
        from himalaya.backend import set_backend
        from himalaya.kernel_ridge import KernelRidgeCV
        from himalaya.ridge import RidgeCV
        from himalaya.scoring import l2_neg_loss
        from sklearn.model_selection import PredefinedSplit

        arrays = set_backend("torch_cuda" if device != "cpu" else backend)
        held = np.zeros(len(z), int)
        for k, fold in enumerate(folds):
            held[fold.test] = k
        options = {"score_func": l2_neg_loss, "n_targets_batch": batch, "n_targets_batch_refit": batch}
        family = KernelRidgeCV if kernel else RidgeCV
        extra = {"kernel": "linear"} if kernel else {"fit_intercept": False}
        if not kernel:
            options["warn"] = False
        model = family(alphas=grid, cv=PredefinedSplit(held), solver_params=options, **extra)
        inputs = [arrays.asarray(a.astype(np.float32, copy=False)) for a in (z, y, new)]
        model.fit(inputs[0], inputs[1])
        return arrays.to_numpy(model.predict(inputs[2])), arrays.to_numpy(model.best_alphas_)

    return solve


def svd_form(z, y, new, grid, folds, batch):
    """The form of the Huth lab, restated: one SVD a fold, a prediction per penalty from U'Y, refit by penalty."""
    errors = np.zeros((len(grid), y.shape[1]))
    for fold in folds:
        u, s, vt = np.linalg.svd(z[fold.train], full_matrices=False)
        rotated, ahead = u.T @ y[fold.train], z[fold.test] @ vt.T
        for k, penalty in enumerate(grid.tolist()):
            shrink = (s / (s * s + np.float32(penalty))).astype(np.float32)
            miss = y[fold.test] - (ahead * shrink) @ rotated
            errors[k] += np.einsum("ij,ij->j", miss, miss)
    best = errors.argmin(axis=0)
    u, s, vt = np.linalg.svd(z, full_matrices=False)
    rotated = u.T @ y
    out = np.empty((len(new), y.shape[1]), np.float32)
    for k, penalty in enumerate(grid.tolist()):
        units = np.flatnonzero(best == k)
        if len(units):
            weights = vt.T @ ((s / (s * s + np.float32(penalty))).astype(np.float32)[:, None] * rotated[:, units])
            out[:, units] = new @ weights
    return out, grid[best]


RIVALS: dict[str, Solver] = {
    "scikit-learn RidgeCV (leave-one-out)": sklearn_ridge,
    "himalaya RidgeCV, numpy": _himalaya("numpy", kernel=False),
    "himalaya RidgeCV, torch": _himalaya("torch", kernel=False),
    "himalaya KernelRidgeCV, numpy": _himalaya("numpy", kernel=True),
    "himalaya KernelRidgeCV, torch": _himalaya("torch", kernel=True),
    "SVD form (Huth lab)": svd_form,
}
ON_CUDA: dict[str, Solver] = {
    "himalaya RidgeCV, torch": _himalaya("torch", kernel=False, device="cuda"),
    "himalaya KernelRidgeCV, torch": _himalaya("torch", kernel=True, device="cuda"),
}
