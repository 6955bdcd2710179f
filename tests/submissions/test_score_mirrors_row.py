"""A stored score has a place for all that a record's row says."""

from gyral.record import Row
from gyral_submissions.models import Score


def test_every_field_of_a_row_has_its_column() -> None:
    columns = {field.name for field in Score._meta.get_fields()}
    assert set(Row.model_fields) - columns == set()
