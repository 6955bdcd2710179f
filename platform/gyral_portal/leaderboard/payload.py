"""Payload: a board as JSON, the same in its file and in the API."""

import json
from collections.abc import Sequence
from typing import Any

from gyral_portal.leaderboard.export import cell_lines, model_lines
from gyral_portal.leaderboard.mean import Means
from gyral_portal.leaderboard.scope import Scope
from gyral_portal.leaderboard.table import ROWS, Line, Table


def board_payload(scope: Scope, table: Table, lines: Sequence[Line]) -> dict[str, Any]:
    """What is seen, with how it was asked for."""
    columns = [shown.column for shown in table.columns if shown.column is not None]
    return {
        "board": scope.reference,
        "benchmarks": [named.identifier for named in scope.named],
        "simulated": all(named.simulated for named in scope.named),
        "columns": [c.key for c in columns],
        "simulated_columns": [c.key for c in columns if c.benchmark.simulated],
        "columns_in_all": table.wide,
        "sort": table.look.sort,
        "order": "up" if table.look.up else "down",
        "on": table.look.on.isoformat() if table.look.on else None,
        "weights": dict(table.look.weights),
        "mean_of": _mean_of(table.means),
        "not_understood": table.not_understood,
        "total": table.total,
        "count": len(table.order),
        "page": table.look.page,
        "pages": table.pages,
        "rows_a_page": ROWS,
        "models": model_lines(table, lines),
        "cells": cell_lines(table, lines),
    }


def _mean_of(means: Means | None) -> dict[str, Any] | None:
    """Columns of a mean, what they measure, and what was left out of it."""
    if means is None:
        return None
    return {
        "columns": [c.key for c in means.columns],
        "metrics": list(means.metrics),
        "simulated": means.simulated,
        "simulated_left": means.simulated_left,
        "metrics_left": means.metrics_left,
    }


def dumped(content: dict[str, Any]) -> bytes:
    """As JSON; a number that is not finite would be a bug here, not in somebody's parser."""
    return json.dumps(content, allow_nan=False).encode()
