"""Pages: how much of a list one request may ask for, so that no number is too large for a database."""

from ninja import Field, Schema
from ninja.pagination import LimitOffsetPagination

MOST, FURTHEST = 1000, 10**9


class Page(LimitOffsetPagination):
    """A stretch of a list."""

    class Input(Schema):
        """Query parameters."""

        limit: int = Field(100, ge=1, le=MOST, description="rows of one page")
        offset: int = Field(0, ge=0, le=FURTHEST, description="rows to pass over")
