"""Datasets without a board are carried into the database with what their responses decode."""

import pytest

from gyral.datasets import catalogue
from gyral.datasets.catalogue import open_dataset
from gyral.decode import decode_dataset
from gyral_submissions.domain import dataset
from gyral_submissions.models import Dataset

pytestmark = [pytest.mark.django_db, pytest.mark.data]


def test_a_dataset_in_runs_gets_a_page_once(monkeypatch):
    monkeypatch.setattr(catalogue, "dataset_names", lambda: ("haxby2001", "sim-vision", "nowhere"))
    seen = []

    def quick(pack, **options):
        seen.append(pack.name)
        return decode_dataset(pack, regions=["bright"], classifiers=["centroid"], permutations=2)

    monkeypatch.setattr("gyral.decode.decode_dataset", quick)
    found = {s.identifier: s for s in dataset.sync_datasets()}
    assert found["haxby2001"].outcome == "created"
    assert found["nowhere"].outcome == "skipped"
    assert "sim-vision" not in found  # it has a board
    row = Dataset.objects.get()
    assert row.content_hash == open_dataset("haxby2001").content_hash
    assert row.decoding["results"][0]["accuracy"]["chance"] == pytest.approx(0.125)
    assert row.about["kind"] == "fMRI"
    assert row.about["regions"]["bright"] == "Bright in the first run"
    assert {s.outcome for s in dataset.sync_datasets() if s.identifier == "haxby2001"} == {"unchanged"}
    assert {s.outcome for s in dataset.sync_datasets(force=True) if s.identifier == "haxby2001"} == {"refreshed"}
    assert seen == ["haxby2001"] * 2
