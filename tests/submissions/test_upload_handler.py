"""The upload handler: a request larger than the cap is cut while it streams."""

import io
from typing import Any

import pytest
from django.core.files.uploadhandler import FileUploadHandler
from django.test import RequestFactory

from gyral_submissions.upload_handler import TOO_LARGE, CappedUploadHandler


def posted(size: int) -> Any:
    request = RequestFactory().post("/", {"file": io.BytesIO(b"x" * size), "name": "net"})
    handlers: list[FileUploadHandler] = [CappedUploadHandler(request)]
    request.upload_handlers = handlers  # type: ignore[assignment]
    return request


@pytest.mark.parametrize("size", [1, 1000, 200_000])
def test_file_under_the_cap_arrives_whole(size: int, settings: Any) -> None:
    settings.GYRAL_UPLOAD_BYTES = 200_000
    request = posted(size)
    assert b"".join(request.FILES["file"].chunks()) == b"x" * size
    assert (request.POST["name"], TOO_LARGE in request.META) == ("net", False)
    request.FILES["file"].close()


def test_file_over_the_cap_is_cut(settings: Any) -> None:
    settings.GYRAL_UPLOAD_BYTES = 200_000
    request = posted(200_001)
    assert not request.FILES
    assert request.META[TOO_LARGE] is True
