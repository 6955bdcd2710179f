"""Agreement: do the columns of a board order the models alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gyral.scores.association import LEAST_SHARED, Associations, associations
from gyral_portal.leaderboard.comparison import number
from gyral_portal.leaderboard.look import Look
from gyral_portal.leaderboard.scope import Scope
from gyral_portal.leaderboard.selected import narrowed, selected_columns
from gyral_portal.leaderboard.table import Table, arrange
from gyral_submissions.domain.queries.grid import Column, read_grid


@dataclass(frozen=True, eq=False)
class Agreement:
    """Rank correlations between columns of a board, over public models that both have scored.

    Parameters
    ----------
    scope : Scope
    table : Table
        The board, filtered.
    columns : sequence of Column
    left_out : int
        Columns beyond those.
    found : Associations
    """

    scope: Scope
    table: Table
    columns: Sequence[Column]
    left_out: int
    found: Associations


def read_agreement(scope: Scope, look: Look) -> Agreement:
    """The agreement an address asks for, the same for everybody; no query but those of the board."""
    look = narrowed(look)
    grid = read_grid(scope.benchmarks(), on=look.on)
    table = arrange(grid, look)
    columns, left_out = selected_columns(grid, look)
    values = grid.values[np.ix_(table.order, columns)] if columns else np.empty((0, 0))
    return Agreement(scope, table, [grid.columns[n] for n in columns], left_out, associations(values))


def agreement_payload(agreement: Agreement) -> dict[str, Any]:
    """Every pair of columns as the API answers it."""
    found, columns = agreement.found, agreement.columns
    return {
        "board": agreement.scope.reference,
        "on": agreement.table.look.on.isoformat() if agreement.table.look.on else None,
        "columns": [c.key for c in columns],
        "columns_left_out": agreement.left_out,
        "models": len(agreement.table.order),
        "least_shared": LEAST_SHARED,
        "pairs": [
            {
                "column": columns[i].key,
                "other": columns[j].key,
                "correlation": number(found.value[i, j]),
                "low": number(found.low[i, j]),
                "high": number(found.high[i, j]),
                "shared": int(found.shared[i, j]),
            }
            for i in range(len(columns))
            for j in range(i + 1, len(columns))
        ],
    }
