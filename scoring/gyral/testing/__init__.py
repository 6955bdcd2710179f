"""Testing: manners that a third party's metric, readout, model or dataset reader is held to, for its own tests.

Each check raises AssertionError with what is wrong, and costs a second or two (docs/plugins.md)::

    from gyral.testing import check_readout

    def test_my_readout() -> None:
        check_readout(MyReadout())
"""

from gyral.testing.metric import check_metric, check_repeatable
from gyral.testing.model import check_model
from gyral.testing.reader import check_layout, check_reader
from gyral.testing.readout import check_readout
from gyral.testing.registered import check_registered

__all__ = [
    "check_layout",
    "check_metric",
    "check_model",
    "check_reader",
    "check_readout",
    "check_registered",
    "check_repeatable",
]
