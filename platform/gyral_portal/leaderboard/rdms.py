"""RDMs: a region's measured dissimilarities beside a model's, as the site's picture, numbers and words.

What a finished run and a dataset's content hold never changes, so that each is made once a process.
"""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gyral.errors import UserError
from gyral_portal.leaderboard.payload import dumped
from gyral_submissions import conf
from gyral_submissions.models import Run

if TYPE_CHECKING:
    from gyral.rdm_view.view import RdmView


def rdms_file(run: Run, name: str, region: str) -> tuple[bytes, str]:
    """``rdms.svg`` or ``rdms.json`` of a region, and its media type.

    Raises
    ------
    KeyError
        There is no such file.
    UserError
        No such region, or no RDMs that could be shown.
    """
    from gyral.rdm_view.picture import rdm_svg  # slow: loads scipy and pandas
    from gyral.rdm_view.view import payload

    if name not in ("rdms.svg", "rdms.json"):
        raise KeyError(name)
    view = _view(*_key(run), region)
    if name == "rdms.svg":
        return rdm_svg(view).encode(), "image/svg+xml"
    return dumped(payload(view)), "application/json; charset=utf-8"


def rdms_context(run: Run, asked: str, regions: list[str]) -> dict[str, Any] | None:
    """What the record's page says of RDMs: why none are shown, or the view; None where RDMs are not compared.

    Parameters
    ----------
    run : Run
    asked : str
        Region of the address; another than ``regions`` is as if it were not there.
    regions : list of str
        Of the record.
    """
    if run.benchmark.task != "rsa" or not regions:
        return None
    region = (
        asked if asked in regions else next((r for r in regions if r == run.benchmark.main_region), regions[0])
    )
    try:
        return {"view": _view(*_key(run), region), "region": region, "regions": regions}
    except UserError as error:
        return {"why": error.what}


def _key(run: Run) -> tuple[str, str]:
    # With the data's content, so that other data on this machine are asked again.
    return str(conf.runs() / run.record_path), run.benchmark.dataset_hash


@lru_cache(maxsize=64)
def _view(folder: str, dataset_hash: str, region: str) -> "RdmView":
    from gyral.rdm_view.view import view_rdms  # slow: loads scipy and pandas
    from gyral.result import load_record

    return view_rdms(load_record(Path(folder)), Path(folder), region)
