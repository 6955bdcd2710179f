"""Datasets: all there are, and of those without a board what their responses decode."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Field, Router, Schema
from ninja.pagination import paginate

from gyral_portal.api.auth import reader
from gyral_portal.api.errors import NotFound
from gyral_portal.api.pages import Page
from gyral_portal.api.schemas import ErrorOut
from gyral_submissions.models import Dataset

router = Router(auth=reader, tags=["read"])


class DatasetOut(Schema):
    """A dataset that no model can be scored on; those with a board stand in `/benchmarks`."""

    name: str
    title: str
    content_hash: str
    about: dict[str, Any] = Field(description="licence, citation, counts, titles of regions")


class DecodedOut(DatasetOut):
    """One dataset, and what its responses decode."""

    decoding: dict[str, Any] = Field(description="as `gyral decode --json` writes it")


@router.get("/datasets", response=list[DatasetOut], operation_id="list_datasets", url_name="datasets")
@paginate(Page)
def datasets(request: HttpRequest) -> QuerySet[Dataset]:
    """Datasets without a board, by name."""
    return Dataset.objects.defer("decoding")


@router.get(
    "/datasets/{name}",
    response={200: DecodedOut, 404: ErrorOut, 401: ErrorOut},
    operation_id="get_dataset",
    url_name="dataset",
)
def dataset(request: HttpRequest, name: str) -> Dataset:
    """One of them, with the report of what its responses decode."""
    found = Dataset.objects.filter(name=name).first()
    if found is None:
        raise NotFound(
            f"there is no dataset {name!r} without a board.",
            where="name",
            mend="Those with a board stand in `/benchmarks`.",
        )
    return found
