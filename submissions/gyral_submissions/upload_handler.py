"""Upload handler: ends an upload at the cap while it streams in, before it has filled the disk.

In Django's settings::

    FILE_UPLOAD_HANDLERS = ["gyral_submissions.upload_handler.CappedUploadHandler"]

A form then gets no file, and ``request.META["gyral.upload_too_large"]`` is true.
"""

from typing import Any

from django.core.files.uploadhandler import StopUpload, TemporaryFileUploadHandler

from gyral_submissions import conf

TOO_LARGE = "gyral.upload_too_large"


class CappedUploadHandler(TemporaryFileUploadHandler):
    """Counts what arrives; what the client announced is not believed."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file."""
        super().new_file(*args, **kwargs)
        self._size, self._cap = 0, conf.UPLOAD_BYTES()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write one piece.

        Raises
        ------
        StopUpload
            The cap is passed; the rest of the request is read and thrown away, so that it can be answered.
        """
        self._size += len(raw_data)
        if self._size > self._cap:
            if self.request is not None:
                self.request.META[TOO_LARGE] = True
            self.file.close()
            raise StopUpload(connection_reset=False)
        super().receive_data_chunk(raw_data, start)
