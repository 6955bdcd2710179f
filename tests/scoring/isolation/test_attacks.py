"""What code of a stranger reaches from inside: nothing where it is held, and without that all that is tried here.

One guest a tier tries every deed and every call; each is a test of its own. The tier ``process`` is the control: what
does not succeed there would prove nothing.
"""

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from functools import cache
from threading import Thread

import pytest

from attacking_guest import CALLS, DEEDS
from guests import ATTACKING, HELD, hostile
from gyral.errors import UserError
from gyral.isolation.job import Job
from gyral.isolation.limits import Limits
from gyral.isolation.tier import Tier

# What cannot succeed on every machine without protection either: no such kernel part, no root, another container.
_NOT_EVERYWHERE = {
    "raw-socket",
    "netlink",
    "environment",  # cleared at every tier
    "privileged",
    "new-privileges",
    "write-root",
    "write-devices",
    "write-system",
    "write-interpreter",
    "write-shared-memory",
    "hardlink",
    "clone-namespaces",
    "mount",
    "attach",
    "environment-of-the-host",
}
_CALLS_EVERYWHERE = {"ptrace", "mount", "unshare", "setns", "personality", "memfd_create", "socketpair", "clone3"}


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    """Sockets of the host that answer: TCP and UDP on the loopback, and a path."""
    path = tmp_path_factory.mktemp("socket") / "s"
    with (
        socket.socket() as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        tcp.bind(("127.0.0.1", 0))
        port = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", port))
        unix.bind(str(path))

        def answer(server: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        # Hung up on unread words, the guest would see a reset and not the answer.
                        connection.sendall(connection.recv(5))

        def answer_udp() -> None:
            with contextlib.suppress(OSError):
                while True:
                    _, sender = udp.recvfrom(5)
                    if sender is None:  # it was shut down
                        return
                    udp.sendto(b"hello", sender)

        for server in (tcp, unix):
            server.listen()
            Thread(target=answer, args=(server,), daemon=True).start()
        Thread(target=answer_udp, daemon=True).start()
        yield {"port": port, "socket": str(path)}
        for server in (tcp, unix, udp):
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def victim() -> Iterator[int]:
    """A process of the host's user, with a secret in its environment."""
    with subprocess.Popen(["sleep", "600"], env={"PASSWORD": "secret"}) as process:
        yield process.pid
        process.kill()


@pytest.fixture(scope="module")
def reached(
    tmp_path_factory: pytest.TempPathFactory, listener: dict[str, object], victim: int
) -> "cache[tuple[set[str], set[str]]]":
    """What a guest of a tier did, and which calls the kernel knew for it."""

    @cache
    def look(tier: Tier) -> tuple[set[str], set[str]]:
        folder = tmp_path_factory.mktemp(tier)
        secret = folder / "host" / "secret.txt"
        secret.parent.mkdir()
        secret.write_text("responses")
        other = Job(folder / "jobs")
        (other.scratch / "array.npy").write_text("features of somebody else")
        told = {
            "secret": str(secret),
            "other": str(other.scratch / "array.npy"),
            "victim": victim,
            "mark": os.getpid(),
        }
        with pytest.MonkeyPatch.context() as patch, pytest.raises(UserError) as caught:
            patch.setenv("MY_SECRET", "password")
            hostile(folder, "attack", tier, Limits(), program=ATTACKING, **told, **listener).layers()
        other.remove()
        assert caught.value.code == "found", caught.value
        done, known = json.loads(caught.value.what)
        return set(done), set(known)

    return look  # type: ignore[return-value]


@pytest.mark.parametrize("tier", HELD)
@pytest.mark.parametrize("deed", DEEDS)
def test_held_guest_cannot(deed: str, tier: Tier, reached) -> None:  # type: ignore[no-untyped-def]
    assert deed not in reached(tier)[0]


@pytest.mark.parametrize("tier", HELD)
@pytest.mark.parametrize("call", CALLS)
def test_held_guest_has_no_call(call: str, tier: Tier, reached) -> None:  # type: ignore[no-untyped-def]
    assert call not in reached(tier)[1]


def test_every_deed_succeeds_where_nothing_holds_the_guest(reached) -> None:  # type: ignore[no-untyped-def]
    done, known = reached("process")
    assert set(DEEDS) - done <= _NOT_EVERYWHERE
    assert known >= _CALLS_EVERYWHERE
    assert "environment" not in done
