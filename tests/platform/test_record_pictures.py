"""Pictures of a record's page: receptive fields, layers by regions."""

import pandas as pd
import pytest
from django.test import Client

from board_rows import make_benchmark, make_run, make_submission
from gyral_submissions import conf
from gyral_submissions.models import Run

pytestmark = pytest.mark.django_db


def with_fields(modality: str) -> Run:
    run = make_run(make_submission(), make_benchmark(modality=modality), {"V1": 0.4, "V4": 0.2})
    fields = {"rf_x": [0.2, 0.4, None], "rf_y": [0.5, 0.5, None], "rf_size": [0.1, 0.1, None]}
    table = pd.DataFrame({"region": ["V1", "V1", "V4"], "unit": [0, 1, 2], "r": [0.1, 0.2, 0.3], **fields})
    table.to_parquet(conf.runs() / run.record_path / "units.parquet")
    return run


def test_receptive_fields_of_images_are_drawn_by_region(client: Client) -> None:
    page = client.get(f"/records/{with_fields('vision').pk}/").content.decode()
    assert "V1: 2 receptive fields; their median is at 0.30 of the width" in page and "V1, 2 units" in page
    assert "V4: " not in page, "its unit has none"


def test_words_have_no_fields_on_an_image(client: Client) -> None:
    assert "Receptive fields" not in client.get(f"/records/{with_fields('language').pk}/").content.decode()


def test_records_without_fields_or_files_say_nothing_of_them(client: Client) -> None:
    run = make_run(make_submission(), make_benchmark(), {"V1": 0.4})
    assert "Receptive fields" not in client.get(f"/records/{run.pk}/").content.decode()
    (conf.runs() / run.record_path / "units.parquet").unlink()
    assert client.get(f"/records/{run.pk}/").status_code == 200


def test_layers_stand_by_regions_with_the_folds_that_chose_them(client: Client) -> None:
    run = make_run(make_submission(), make_benchmark(), {"V1": 0.4, "V4": 0.2})
    page = client.get(f"/records/{run.pk}/").content.decode()
    assert "Layers by regions (2 layers)" in page and "chosen 5×" in page
