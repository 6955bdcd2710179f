"""Uploads in pieces: every byte counted, nothing lost, nothing believed."""

import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from gyral.errors import BadUpload, OutOfResources
from gyral.isolation.tier import Findings
from gyral_submissions import conf, rules
from gyral_submissions.domain import sweeper, upload
from gyral_submissions.domain.intake import Refused
from gyral_submissions.domain.quota import QuotaExceeded
from gyral_submissions.enums import Format, Visibility
from gyral_submissions.models import Submission, Upload

pytestmark = pytest.mark.django_db(transaction=True)

GRAPH = (Path(__file__).resolve().parents[3] / "fixtures" / "uploads" / "conv" / "model.onnx").read_bytes()
CARD: dict[str, object] = {"name": "tiny", "modality": "vision", "image": {"size": 32, "crop": 1.0}}
HASH = hashlib.sha256(GRAPH).hexdigest()


@pytest.fixture(autouse=True)
def open_door(settings: Any) -> None:
    settings.GYRAL_LEAST_TIER = "process"


@pytest.fixture
def begun(user: User) -> Upload:
    return upload.begin(user, Format.ONNX)


def finish(begun: Upload, sha256: str = HASH) -> Submission:
    return upload.finish(begun, CARD, sha256=sha256, visibility=Visibility.PRIVATE)


def test_pieces_become_the_submission_the_whole_file_would(begun: Upload) -> None:
    for start in range(0, len(GRAPH), 1000):
        assert upload.append(begun, [GRAPH[start : start + 1000]], offset=start).received == min(
            len(GRAPH), start + 1000
        )
    submission = finish(begun)
    assert (submission.sha256, submission.size) == (HASH, len(GRAPH))
    assert (conf.uploads() / submission.path / "model.onnx").read_bytes() == GRAPH
    upload.forget(begun)
    assert not list(conf.incoming().iterdir()) and not Upload.objects.exists()


@pytest.mark.parametrize("offset", [0, 99, 101, 1 << 40])
def test_a_piece_that_does_not_follow_is_refused_with_where_to_go_on(offset: int, begun: Upload) -> None:
    upload.append(begun, [GRAPH[:100]], offset=0)
    with pytest.raises(Refused, match="100 bytes are here") as refused:
        upload.append(begun, [b"x"], offset=offset)
    assert refused.value.code == "upload-offset" and "from byte 100" in str(refused.value.mend)
    upload.append(begun, [GRAPH[100:]], offset=100)
    assert finish(begun).sha256 == HASH


def broken(data: bytes) -> Iterator[bytes]:
    yield data
    raise ConnectionResetError("gone")


def test_what_came_before_the_connection_broke_is_kept(begun: Upload) -> None:
    with pytest.raises(ConnectionResetError):
        upload.append(begun, broken(GRAPH[:700]), offset=0)
    again = Upload.objects.get()
    assert again.received == 700
    upload.append(again, [GRAPH[700:]], offset=700)
    assert finish(again).sha256 == HASH


def test_bytes_of_a_killed_server_are_written_over(begun: Upload) -> None:
    upload.append(begun, [GRAPH[:700]], offset=0)
    with (upload.folder_of(begun) / "payload").open("ab") as stream:
        stream.write(b"half a piece, which nobody noted" * 1000)
    again = Upload.objects.get()
    upload.append(again, [GRAPH[700:]], offset=700)
    assert finish(again).sha256 == HASH


def test_bytes_nobody_noted_are_not_submitted(begun: Upload) -> None:
    upload.append(begun, [GRAPH], offset=0)
    with (upload.folder_of(begun) / "payload").open("ab") as stream:
        stream.write(b"more")
    assert finish(begun).size == len(GRAPH)


def test_progress_inside_a_large_piece_is_noted(begun: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "_CHECKPOINT", 100)
    seen = []

    def pieces() -> Iterator[bytes]:
        for start in range(0, 400, 50):
            yield GRAPH[start : start + 50]
            seen.append(Upload.objects.get().received)

    upload.append(begun, pieces(), offset=0)
    assert seen == [0, 100, 100, 200, 200, 300, 300, 400]


def test_cap_is_counted_over_all_pieces(begun: Upload, settings: Any) -> None:
    settings.GYRAL_UPLOAD_BYTES = 1000
    upload.append(begun, [bytes(600)], offset=0)
    given: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            given.append(100)
            yield bytes(100)

    with pytest.raises(OutOfResources) as refused:
        upload.append(begun, endless(), offset=600)
    assert refused.value.code == "too-large" and sum(given) == 500
    assert Upload.objects.get().received == 600


def full() -> Iterator[bytes]:
    yield b"x"
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_full_disk_is_said(begun: Upload) -> None:
    with pytest.raises(OutOfResources, match="disk is full"):
        upload.append(begun, full(), offset=0)
    assert Upload.objects.get().received == 0


def test_other_bytes_than_announced_are_refused_and_kept(begun: Upload) -> None:
    upload.append(begun, [GRAPH], offset=0)
    with pytest.raises(BadUpload) as refused:
        finish(begun, "0" * 64)
    assert (refused.value.code, refused.value.where) == ("sha256-differs", "sha256") and HASH in refused.value.what
    assert finish(begun, HASH.upper()).pk
    assert not [p for p in conf.incoming().iterdir() if p != upload.folder_of(begun)]


def test_one_piece_at_a_time(begun: Upload) -> None:
    with (upload.folder_of(begun) / "payload").open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for attempt in (lambda: upload.append(begun, [b"x"], offset=0), lambda: finish(begun)):
            with pytest.raises(Refused) as refused:
                attempt()
            assert refused.value.code == "upload-busy"
    assert upload.append(begun, [b"x"], offset=0).received == 1


def test_open_uploads_are_counted_for_each_person(user: User, make_user: Callable[..., User]) -> None:
    opened = [upload.begin(user, Format.ONNX) for _ in range(conf.OPEN_UPLOADS())]
    with pytest.raises(Refused) as refused:
        upload.begin(user, Format.ONNX)
    assert refused.value.code == "uploads-open"
    upload.begin(make_user(), Format.ONNX)
    upload.forget(opened[0])
    assert upload.begin(user, Format.FEATURES).format == "features"


def test_closed_door_and_spent_quota_are_said_before_the_first_byte(
    user: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.GYRAL_RUNS_PER_DAY = 0
    with pytest.raises(QuotaExceeded):
        upload.begin(user, Format.ONNX)
    settings.GYRAL_RUNS_PER_DAY = 1
    settings.GYRAL_LEAST_TIER = "landlock"
    monkeypatch.setattr(rules, "examine", lambda: Findings("process"))
    with pytest.raises(Refused, match="does not run models of people"):
        upload.begin(user, Format.ONNX)
    assert upload.begin(user, Format.FEATURES).pk
    assert Upload.objects.count() == 1


def test_expired_uploads_are_swept_and_open_ones_kept(user: User, begun: Upload) -> None:
    old = upload.begin(user, Format.ONNX)
    Upload.objects.filter(pk=old.pk).update(touched=timezone.now() - timedelta(hours=conf.UPLOAD_HOURS() + 1))
    assert list(upload.open_uploads(user)) == [begun]
    long_ago = time.time() - 2 * 86400
    os.utime(
        upload.folder_of(begun), (long_ago, long_ago)
    )  # appending to a file leaves its folder's time as it was
    assert sweeper.tidy() == 1
    assert [p.name for p in conf.incoming().iterdir()] == [upload.folder_of(begun).name]
    assert list(Upload.objects.all()) == [begun]


def test_vanished_bytes_are_said(begun: Upload) -> None:
    (upload.folder_of(begun) / "payload").unlink()
    with pytest.raises(Refused) as refused:
        upload.append(begun, [b"x"], offset=0)
    assert refused.value.code == "upload-gone"
