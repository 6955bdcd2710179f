"""Operators look at installed packs before they are public; nobody else learns that there are any."""

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client

from gyral.benchmarks import installed
from gyral_portal.style import source_of
from gyral_submissions.domain.benchmark import sync_benchmarks
from gyral_submissions.domain.preview import preview_packs
from planted_subjects import dataset_of, install

pytestmark = pytest.mark.django_db


@pytest.fixture
def pack() -> str:
    draw = np.random.default_rng(0)
    signal = draw.normal(size=(60, 1, 4))
    return install(dataset_of({s: signal + draw.normal(size=(60, 3, 4)) for s in ("s1", "s2")}), "ncsnr")


def outcomes() -> list[tuple[str, str]]:
    return [(s.identifier, s.outcome) for s in preview_packs()]


def test_operators_see_a_pack_until_it_is_public(
    pack: str, operator: User, stranger: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(operator)
    page = client.get("/previews/").content.decode()
    assert "planted@0" in page and "preview_packs</code> makes it" in page
    assert client.get(f"/previews/{pack}/").status_code == 404
    assert outcomes() == [(pack, "created")]
    assert outcomes() == [(pack, "unchanged")]
    assert f'href="/previews/{pack}/"' in client.get("/previews/").content.decode()
    answer = client.get(f"/previews/{pack}/")
    assert "Does the split leak?" in answer.content.decode()
    policy = answer.headers["Content-Security-Policy"]
    assert "sandbox" in policy and "script-src" not in policy and "default-src 'none'" in policy
    rules = answer.content.decode().split("<style>")[1].split("</style>")[0]
    assert f"style-src {source_of(rules)};" in policy and "unsafe" not in policy
    assert " style=" not in answer.content.decode()  # which no hash could allow
    assert "no-store" in answer.headers["Cache-Control"]
    assert "Not public yet" in client.get("/datasets/").content.decode()
    for visitor in (Client(), Client()):
        for address in ("/previews/", f"/previews/{pack}/"):
            assert visitor.get(address).status_code == 404
        assert "Not public yet" not in visitor.get("/datasets/").content.decode()
        visitor.force_login(stranger)
    monkeypatch.setattr(installed, "BUNDLED", ())
    assert [s.outcome for s in sync_benchmarks()] == ["created"]
    assert client.get(f"/previews/{pack}/").status_code == 404
    assert "Nothing waits." in client.get("/previews/").content.decode()
    assert outcomes() == []
