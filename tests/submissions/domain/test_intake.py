"""Intake: all or nothing, whoever's fault."""

import errno
import hashlib
import io
import os
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from gyral.errors import BadUpload, OutOfResources, UserError
from gyral.isolation.tier import Findings
from gyral.models.card import ModelCard
from gyral.models.onnx_strip import strip
from gyral_submissions import conf, rules
from gyral_submissions.domain import intake
from gyral_submissions.domain.intake import Refused, receive
from gyral_submissions.domain.submission import set_visibility, withdraw
from gyral_submissions.enums import Format, Tier, Visibility
from gyral_submissions.models import Charge, Submission

pytestmark = pytest.mark.django_db(transaction=True)

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "uploads"
GRAPH = (FIXTURES / "conv" / "model.onnx").read_bytes()
CARD: dict[str, object] = {"name": "tiny", "modality": "vision", "image": {"size": 32, "crop": 1.0}}


@pytest.fixture(autouse=True)
def open_door(settings: Any) -> None:
    settings.GYRAL_LEAST_TIER = "process"


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out the guest that looks into the file, for tests about everything around it."""
    monkeypatch.setattr(intake, "_require_sound", lambda folder, format_: None)


def sent(data: bytes, name: str = "model.onnx") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def another(number: int) -> bytes:
    """The same graph with a ``model_version``, so that no two files are the same."""
    return GRAPH + bytes([5 << 3, number + 1])


def zipped(folder: Path) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, f"{folder.name}/{file.relative_to(folder)}")
    return stream.getvalue()


def left_over() -> list[Path]:
    return [p for p in conf.uploads().rglob("*") if p != conf.incoming()]


def test_onnx_becomes_a_model_folder(user: User) -> None:
    submission = receive(user, sent(GRAPH), CARD, format=Format.ONNX)
    folder = conf.uploads() / submission.path
    assert sorted(p.name for p in folder.iterdir()) == ["gyral.toml", "model.onnx"]
    assert (folder / "model.onnx").read_bytes() == GRAPH
    assert ModelCard.read(folder / "gyral.toml").name == "tiny"
    assert submission.sha256 == hashlib.sha256(GRAPH).hexdigest()
    assert (submission.version, submission.tier, submission.has_twin) == (1, Tier.VERIFIED, True)
    assert (submission.size, submission.visibility) == (len(GRAPH), Visibility.PRIVATE)
    assert Charge.objects.count() == 0
    assert not list(conf.incoming().iterdir())


@pytest.mark.parametrize("as_zip", [False, True])
@pytest.mark.usefixtures("unchecked")
def test_paths_and_sources_in_a_graph_are_not_kept(as_zip: bool, user: User, tmp_path: Path) -> None:
    model = onnx.ModelProto.FromString(GRAPH)
    for node in model.graph.node:
        node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value='File "/home/somebody/net.py", line 3')
        node.doc_string = "/home/somebody/net.py(3)"
    data = model.SerializeToString()
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(data)
    submission = receive(user, sent(zipped(folder) if as_zip else data), CARD, format=Format.ONNX)
    kept = (conf.uploads() / submission.path / "model.onnx").read_bytes()
    assert b"somebody" in data and b"somebody" not in kept and 0 < len(kept) < len(data)
    assert submission.sha256 == hashlib.sha256(zipped(folder) if as_zip else data).hexdigest()
    if not as_zip:
        with pytest.raises(Refused, match="same model before"):
            receive(user, sent(b"".join(strip(memoryview(data))[0])), CARD, format=Format.ONNX)


@pytest.mark.parametrize(
    ("name", "format_", "tier"),
    [("bert", Format.SAFETENSORS, Tier.VERIFIED), ("features", Format.FEATURES, Tier.SELF_REPORTED)],
)
def test_archive_brings_its_own_card(name: str, format_: Format, tier: Tier, user: User) -> None:
    submission = receive(user, sent(zipped(FIXTURES / name), "model.zip"), None, format=format_)
    assert (submission.format, submission.tier) == (format_, tier)
    assert submission.has_twin == (format_ != Format.FEATURES)
    assert submission.card["name"] == submission.name


def test_card_of_the_form_counts_in_a_features_archive(user: User) -> None:
    fields = {"name": "mine", "modality": "language", "licence": "MIT"}
    archive = sent(zipped(FIXTURES / "features"), "features.zip")
    submission = receive(user, archive, fields, format=Format.FEATURES)
    assert 'name = "mine"' in (conf.uploads() / submission.path / "features.toml").read_text()
    assert submission.card["licence"] == "MIT"


@pytest.mark.usefixtures("unchecked")
def test_resubmission_is_the_next_version(user: User) -> None:
    versions = [receive(user, sent(another(n)), CARD, format=Format.ONNX).version for n in range(3)]
    assert versions == [1, 2, 3]


@pytest.mark.usefixtures("unchecked")
def test_same_model_is_recognised_whatever_it_is_called(user: User, make_user: Callable[..., User]) -> None:
    receive(user, sent(GRAPH), CARD, format=Format.ONNX)
    with pytest.raises(Refused, match="sent the same model before, as tiny v1") as refused:
        receive(user, sent(GRAPH), CARD | {"name": "other", "title": "Other"}, format=Format.ONNX)
    assert (refused.value.code, Submission.objects.count()) == ("duplicate", 1)
    receive(user, sent(GRAPH), CARD | {"image": {"size": 64}}, format=Format.ONNX)
    receive(make_user(), sent(GRAPH), CARD | {"name": "theirs"}, format=Format.ONNX)
    assert Submission.objects.count() == 3
    assert len([p for p in conf.uploads().iterdir() if p != conf.incoming()]) == 3


@pytest.mark.usefixtures("unchecked")
def test_withdrawn_model_may_be_sent_again(user: User) -> None:
    first = receive(user, sent(GRAPH), CARD, format=Format.ONNX)
    assert withdraw(first) and not withdraw(first)
    assert receive(user, sent(GRAPH), CARD, format=Format.ONNX).version == 2


def test_visibility_is_changed_per_version(submission: Submission) -> None:
    set_visibility(submission, Visibility.PRIVATE)
    assert Submission.objects.get().visibility == Visibility.PRIVATE


def test_taken_and_reserved_names_are_refused(user: User, make_submission: Callable[..., Submission]) -> None:
    make_submission("tiny", owner=None)
    for name, code in (("tiny", "name-taken"), ("pixels", "name-reserved")):
        before = left_over()
        with pytest.raises(Refused) as refused:
            receive(user, sent(GRAPH), CARD | {"name": name}, format=Format.ONNX)
        assert (refused.value.code, refused.value.where) == (code, "name")
        assert left_over() == before


def test_closed_door_is_said(
    user: User, make_user: Callable[..., User], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.GYRAL_LEAST_TIER = "landlock"
    monkeypatch.setattr(rules, "examine", lambda: Findings("process"))
    with pytest.raises(Refused, match="does not run models of people") as refused:
        receive(user, sent(GRAPH), CARD, format=Format.ONNX)
    assert refused.value.code == "unsandboxed" and "gyral score" in str(refused.value.mend)
    assert receive(make_user(is_staff=True), sent(GRAPH), CARD, format=Format.ONNX).pk


class Liar:
    """A file that says it is small and never ends; counts what was taken of it."""

    size = 10

    def __init__(self) -> None:
        self.given = 0

    def chunks(self) -> Iterator[bytes]:
        while True:
            self.given += 1 << 16
            yield bytes(1 << 16)


def test_cap_is_counted_while_streaming(user: User, settings: Any) -> None:
    settings.GYRAL_UPLOAD_BYTES = 1 << 20
    liar = Liar()
    with pytest.raises(OutOfResources, match="larger than 1 MiB") as refused:
        receive(user, liar, CARD, format=Format.ONNX)
    assert (refused.value.code, refused.value.where) == ("too-large", "file")
    assert liar.given == (1 << 20) + (1 << 16)
    assert left_over() == []


class Breaking:
    """A connection that breaks."""

    def chunks(self) -> Iterable[bytes]:
        yield GRAPH[:100]
        raise ConnectionResetError("gone")


class Full:
    """A disk that is full after the first piece."""

    def chunks(self) -> Iterable[bytes]:
        yield GRAPH[:100]
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_broken_connection_and_full_disk_leave_nothing(user: User) -> None:
    with pytest.raises(ConnectionResetError):
        receive(user, Breaking(), CARD, format=Format.ONNX)
    with pytest.raises(OutOfResources, match="disk is full"):
        receive(user, Full(), CARD, format=Format.ONNX)
    assert left_over() == [] and not Submission.objects.exists()


def tar_of(name: str, data: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def truncated_zip() -> bytes:
    whole = zipped(FIXTURES / "bert")
    return whole[: len(whole) // 2]


@pytest.mark.parametrize(
    ("data", "fields", "format_", "code"),
    [
        (b"", CARD, Format.ONNX, "empty"),
        (GRAPH[: len(GRAPH) // 2], CARD, Format.ONNX, None),
        (truncated_zip(), None, Format.SAFETENSORS, "archive-unreadable"),
        (b"no zip at all", None, Format.FEATURES, "archive-unreadable"),
        (b"\x80\x04\x95 a pickle", CARD, Format.ONNX, "pickle"),
        (b"\x89HDF\r\n\x1a\n", CARD, Format.ONNX, "pickle"),
        (b"GGUF\x03\x00\x00\x00", None, Format.SAFETENSORS, "format-refused"),
        (b"\xff" * 100, CARD, Format.ONNX, "onnx-unreadable"),
        (tar_of("features.toml", b"card = 3"), None, Format.FEATURES, "features-manifest"),
        (tar_of("features.toml", b"a = " + b"[" * 100_000), None, Format.FEATURES, "features-manifest"),
        (tar_of("gyral.toml", b"#" * (2 << 20)), None, Format.SAFETENSORS, "card-toml"),
        (zipped(FIXTURES / "bert"), None, Format.ONNX, "format-differs"),
        (GRAPH, None, Format.ONNX, "card-absent"),
        (GRAPH, CARD | {"name": "Not Allowed"}, Format.ONNX, "card-value"),
        (GRAPH, CARD | {"modalty": "vision"}, Format.ONNX, "card-key"),
        (GRAPH, CARD, Format.REFERENCE, "format"),
    ],
)
def test_bad_upload_is_said_and_leaves_nothing(
    data: bytes, fields: dict[str, object] | None, format_: Format, code: str | None, user: User
) -> None:
    with pytest.raises(UserError) as refused:
        receive(user, sent(data), fields, format=format_)
    assert code is None or refused.value.code == code
    assert isinstance(refused.value, BadUpload)
    assert str(conf.uploads()) not in str(refused.value)
    assert left_over() == [] and not Submission.objects.exists()


@pytest.mark.usefixtures("unchecked")
def test_row_that_cannot_be_written_leaves_no_folder(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("the database went away")

    monkeypatch.setattr(intake, "_insert", fail)
    with pytest.raises(RuntimeError):
        receive(user, sent(GRAPH), CARD, format=Format.ONNX)
    assert left_over() == []


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("same_owner", [True, False])
def test_name_cannot_be_raced(same_owner: bool, user: User, make_user: Callable[..., User]) -> None:
    owners = [user if same_owner else make_user() for _ in range(4)]
    together = threading.Barrier(len(owners))
    outcomes: list[str] = []

    def send(number: int) -> None:
        try:
            together.wait()
            data = another(number)
            outcomes.append(f"v{receive(owners[number], sent(data), CARD, format=Format.ONNX).version}")
        except Refused as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(n,)) for n in range(len(owners))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = ["v1", "v2", "v3", "v4"] if same_owner else ["name-taken"] * 3 + ["v1"]
    assert sorted(outcomes) == expected
    folders = {p.name for p in conf.uploads().iterdir() if p != conf.incoming()}
    assert folders == set(Submission.objects.values_list("path", flat=True))


def test_scratch_is_made_on_the_file_system_of_uploads() -> None:
    assert conf.incoming().stat().st_dev == conf.uploads().stat().st_dev
    shutil.rmtree(conf.incoming())
    assert conf.incoming().is_dir()
