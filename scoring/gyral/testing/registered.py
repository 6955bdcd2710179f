"""What stands behind a registered name, held to the suite of its kind."""

from pathlib import Path
from typing import Literal

from gyral.datasets.layouts.known import OTHERS as LAYOUTS
from gyral.datasets.source import read_source
from gyral.errors import GyralError
from gyral.metrics import METRICS
from gyral.metrics.metric import open_metric
from gyral.models.catalogue import open_model
from gyral.models.others import OTHERS as MODELS
from gyral.readouts import READOUTS
from gyral.testing.metric import check_metric
from gyral.testing.model import check_model
from gyral.testing.reader import check_layout, check_reader
from gyral.testing.readout import check_readout

Kind = Literal["metric", "readout", "model", "reader", "layout"]


def check_registered(kind: Kind, name: str, folder: Path | None = None) -> None:
    """Check what an installed package registered under a name, as Gyral finds it.

    Parameters
    ----------
    kind : {"metric", "readout", "model", "reader", "layout"}
    name : str
    folder : Path, optional
        Of readers and layouts: a small dataset (`check_reader`, `check_layout`).
    """
    try:
        if kind == "metric":
            check_metric(open_metric(name))
        elif kind == "readout":
            check_readout(READOUTS.load(name)())
        elif kind == "model":
            (model,) = open_model(name)
            if model.card.name != name:
                raise AssertionError(
                    f"model {name!r} has a card of {model.card.name!r}; records could not name it"
                )
            check_model(model)
        elif folder is None:
            raise AssertionError(f"a {kind} is checked on a folder; none was given")
        elif kind == "reader":
            told = read_source(folder).responses
            if told is None or told.reader != name:
                raise AssertionError(f"{folder / 'dataset.toml'} does not name the reader {name!r}")
            check_reader(folder)
        else:
            check_layout(LAYOUTS.load(name), folder)
    except GyralError as error:
        raise AssertionError(str(error)) from error
    table = {"metric": METRICS, "readout": READOUTS, "model": MODELS, "layout": LAYOUTS}.get(kind)
    if table is not None and not table.origin(name):
        raise AssertionError(f"{kind} {name!r} is Gyral's own: register yours under another name")
