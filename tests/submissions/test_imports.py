"""What the site's processes load of us: nothing that computes."""

import os
import subprocess
import sys
from pathlib import Path

_CODE = """
import sys, django
django.setup()
import gyral_submissions.domain.benchmark, gyral_submissions.domain.intake, gyral_submissions.domain.reference
import gyral_submissions.domain.execution, gyral_submissions.domain.queries.board
import gyral_submissions.domain.queries.profile, gyral_submissions.tasks
heavy = {"torch", "pandas", "sklearn", "scipy", "onnx", "onnxruntime", "transformers", "pyarrow", "nilearn", "mne"}
print(sorted(heavy & set(sys.modules)))
"""


def test_verbs_and_queries_load_nothing_heavy(tmp_path: Path) -> None:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "gyral_portal.settings", "GYRAL_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", _CODE], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
