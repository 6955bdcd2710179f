"""A local HTTP server for files: ranges, broken transfers and errors on demand."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """What is served, what was asked for, and how to misbehave.

    ``break_after`` maps a path to how many bytes each of the next answers sends before the line drops
    (one number an answer). ``ranges`` False ignores Range headers, as some servers do.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    break_after: dict[str, list[int]] = field(default_factory=dict)
    ranges: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(server: FileServer) -> Iterator[FileServer]:
    """Run the server on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            wanted = self.headers.get("Range")
            server.asked.append((path, wanted))
            if path not in server.files:
                self.send_error(404, "Not Found")
                return
            body, start = server.files[path], 0
            if wanted and server.ranges:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= len(body):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(body)}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            breaks = server.break_after.get(path, [])
            sent = body[start : start + breaks.pop(0)] if breaks else body[start:]
            self.wfile.write(sent)
            if len(sent) < len(body) - start:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        server.url = f"http://127.0.0.1:{running.server_address[1]}/"
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            running.shutdown()
            thread.join()
