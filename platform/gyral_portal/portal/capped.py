"""An upload handler that stops writing once a file passes the cap, whatever its sender said of its size."""

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, SkipFile

from gyral_submissions import conf

TOO_LARGE = "gyral.too_large"


class CappedUploadHandler(FileUploadHandler):
    """Stands before Django's own handlers; a file above the cap is dropped and remembered as too large."""

    received = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Start counting."""
        super().new_file(*args, **kwargs)
        self.received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Pass the chunk on, or drop the file."""
        self.received += len(raw_data)
        if self.received > conf.UPLOAD_BYTES():
            if self.request is not None:
                self.request.META[TOO_LARGE] = self.field_name
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Leave the file to the handlers after this one."""
