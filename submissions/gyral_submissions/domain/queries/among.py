"""Among: ``field__among=numbers`` finds what ``field__in`` does, with one parameter however many numbers there are.

A page of a board asks for a thousand ids. To write a statement with a parameter for each, and have the driver and the database
read it again, takes longer than to find the rows; and databases limit how many there may be.
"""

import json
from collections.abc import Iterable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Lookup


@Field.register_lookup
class Among(Lookup):
    """The field, of whole numbers, has one of the given values; SQLite and PostgreSQL."""

    lookup_name = "among"
    prepare_rhs = False

    def __init__(self, lhs: Any, rhs: Iterable[int]) -> None:
        super().__init__(lhs, [int(number) for number in rhs])

    def as_postgresql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        """``lhs = ANY(array)``."""
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", (*params, self.rhs)

    def as_sqlite(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        """``lhs IN`` the values of a JSON list."""
        column, params = self.process_lhs(compiler, connection)
        return f"{column} IN (SELECT value FROM json_each(%s))", (*params, json.dumps(self.rhs))  # noqa: S608 - a column of ours
