"""How fast a board is, over HTTP from the site that `gyral serve` starts, generator and site on the same cores.

    python tests/benchmarks/board.py                              10,000 models x 200 columns x 5 subjects on SQLite
    python tests/benchmarks/board.py --postgresql                 the same on the PostgreSQL of this machine
    python tests/benchmarks/board.py --models 1000 --pages 50     something quicker

"fresh" pages differ in order, filter, search, columns, weights, day and page of rows, so that none was kept; "kept" ones were. Bytes
are those that come over the wire (gzip), requests a second those of keep-alive connections in turn. "cold" is the first page of a
process that has read nothing. SQLite's file is read through before, since a site that is in use has it in memory, and PostgreSQL's tables are as after a
VACUUM, which reads them (where the system drops files from memory again, pages take as long as the disk). "cpu_ms" is what a page costs the site's process (mean), which other work on the machine inflates less
than the time until it is here. One line of JSON a measurement.
"""

import argparse
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from live_site import environment, free_port
from services import scratch_database

HEADERS = {"Accept-Encoding": "gzip"}
COMBINED, SINGLE = "/boards/all/", "/boards/data00/"


def fresh_pages(count: int) -> list[tuple[str, str]]:
    """Addresses of pages that differ, with their kind; seeded."""
    rng = random.Random(0)
    keys = [f"data{b:02}@{b}/R{r:02}" for b in range(20) for r in range(10)]
    out = []
    for n in range(count):
        page = 1 + rng.randrange(90)
        kind = ("single", "sort", "filter", "search", "open", "weights", "day", "mean")[n % 8]
        address = {
            "single": f"{SINGLE}?sort=R{rng.randrange(10):02}&page={page}",
            "sort": f"{COMBINED}?sort={rng.choice(keys)}&page={page}",
            "filter": f"{COMBINED}?family={rng.choice(['ViT', 'CLIP', 'GPT'])}&sort={rng.choice(keys)}&page={1 + page % 12}",
            "search": f"{COMBINED}?q={rng.randrange(100)}+OR+vit&sort={rng.choice(keys)}",
            "open": f"{COMBINED}?open=vision,language,data{rng.randrange(20):02}&sort={rng.choice(keys)}&page={page}",
            "weights": f"{COMBINED}?weights={rng.choice(keys)}:2,{rng.choice(keys)}:{1 + n}&page={page}",
            "day": f"{COMBINED}?on=2024-{1 + rng.randrange(12):02}-15&sort={rng.choice(keys)}",
            "mean": f"{COMBINED}?mean=1&page={1 + n}",
        }[kind]
        out.append((kind, address))
    return out


def main() -> None:
    """Fill, start, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--columns", type=int, default=200)
    parser.add_argument("--subjects", type=int, default=5)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement of kept pages")
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--home", type=Path, help="keep the filled home here (SQLite)")
    asked = parser.parse_args()
    with ExitStack() as stack:
        home = asked.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.mkdir(parents=True, exist_ok=True)
        more = {"DATABASE_URL": stack.enter_context(scratch_database())} if asked.postgresql else {}
        variables = environment(home, GYRAL_STATIC="collected", **more)
        start = time.monotonic()
        if asked.postgresql or not (home / "filled").exists():
            fill_database(variables, asked)
            (home / "filled").touch()
        say(
            "filled",
            seconds=round(time.monotonic() - start, 1),
            database="postgresql" if asked.postgresql else "sqlite",
        )
        for file in home.glob("*.sqlite3"):
            with file.open("rb") as whole:
                while whole.read(1 << 24):
                    pass
        with serving(variables) as (port, site):
            measure(port, site, asked.pages, asked.seconds)


def measure(port: int, site: int, pages: int, seconds: float) -> None:
    """All measurements of one running site."""
    client = Client(port)
    for address in (SINGLE, COMBINED):
        took, status, size, _ = client.get(address)
        say("cold", page=address, status=status, ms=round(1000 * took), kilobytes=round(size / 1000))
    found: dict[str, list[tuple[float, int, float]]] = {}
    for kind, address in fresh_pages(pages):
        before = cpu_seconds(site)
        took, status, size, _ = client.get(address)
        if status != 200:
            raise SystemExit(f"{status} for {address}")
        found.setdefault(kind, []).append((took, size, cpu_seconds(site) - before))
    everything = [one for ones in found.values() for one in ones]
    for kind, ones in {**found, "all": everything}.items():
        times = sorted(took for took, _, _ in ones)
        say(
            "fresh",
            kind=kind,
            pages=len(ones),
            p50_ms=round(1000 * statistics.median(times), 1),
            p95_ms=round(1000 * times[min(len(times) - 1, int(0.95 * len(times)))], 1),
            most_ms=round(1000 * times[-1], 1),
            cpu_ms=round(1000 * statistics.mean(cpu for _, _, cpu in ones), 1),
            most_kilobytes=round(max(size for _, size, _ in ones) / 1000, 1),
        )
    tag = client.get(COMBINED)[3]
    for name, headers, wanted in (("200", {}, 200), ("304", {"If-None-Match": tag}, 304)):
        before = cpu_seconds(site)
        done, errors = flood(port, COMBINED, headers, wanted, seconds)
        cpu = (cpu_seconds(site) - before) / max(1, done)
        say(
            "kept",
            answer=name,
            requests_a_second=round(done / seconds),
            cpu_ms=round(1000 * cpu, 2),
            errors=errors,
        )


def cpu_seconds(parent: int) -> float:
    """CPU time that the children of a process have taken; Linux only."""
    total = 0.0
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def get(self, address: str) -> tuple[float, int, int, str]:
        """Seconds until the body is here, status, bytes of the body, entity tag."""
        start = time.perf_counter()
        self.connection.request("GET", address, headers=HEADERS)
        answer = self.connection.getresponse()
        body = answer.read()
        return time.perf_counter() - start, answer.status, len(body), answer.headers.get("ETag", "")


def flood(
    port: int, address: str, headers: dict[str, str], wanted: int, seconds: float, clients: int = 8
) -> tuple[int, int]:
    """Requests that were answered as wanted in the time, and others, by some connections at once."""
    import socket

    lines = [
        f"GET {address} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        *(f"{k}: {v}" for k, v in {**HEADERS, **headers}.items()),
    ]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    good, bad = [0] * clients, [0] * clients
    end = time.monotonic() + seconds

    def ask(n: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
            rest = b""
            while time.monotonic() < end:
                line.sendall(request)
                while b"\r\n\r\n" not in rest:
                    rest += line.recv(1 << 18)
                head, _, rest = rest.partition(b"\r\n\r\n")
                fields = head.lower()
                at = fields.find(b"content-length: ")
                length = int(fields[at + 16 :].split(b"\r\n", 1)[0]) if at >= 0 and wanted != 304 else 0
                while len(rest) < length:
                    rest += line.recv(1 << 18)
                rest = rest[length:]
                if head.startswith(b"HTTP/1.1 %d" % wanted):
                    good[n] += 1
                else:
                    bad[n] += 1

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(good), sum(bad)


def say(what: str, **figures: Any) -> None:
    """One line."""
    print(json.dumps({"what": what} | figures), flush=True)


def fill_database(variables: dict[str, str], asked: argparse.Namespace) -> None:
    """Migrate, collect static files and fill, as large as ``models``, ``columns`` and ``subjects`` of ``asked``."""
    support = Path(__file__).resolve().parents[1] / "support"
    code = (
        f"import sys; sys.path.insert(0, {str(support)!r}); from django.core.management import call_command; "
        "call_command('migrate', verbosity=0); call_command('collectstatic', interactive=False, verbosity=0); "
        f"from many_scores import fill; fill({asked.models}, {asked.columns}, {asked.subjects})"
    )
    subprocess.run(
        [sys.executable, "-m", "django", "shell", "--command", code],
        env=variables,
        check=True,
        stdout=subprocess.DEVNULL,
    )


@contextmanager
def serving(variables: dict[str, str]) -> Iterator[tuple[int, int]]:
    """Port and process of the site."""
    from gyral_portal.serve import site_command

    port = free_port()
    process = subprocess.Popen(site_command(f"127.0.0.1:{port}"), env=variables)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if Client(port).get("/health")[1] == 200:
                    break
            except OSError:
                time.sleep(0.2)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(15)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gyral_portal.settings")
    main()
