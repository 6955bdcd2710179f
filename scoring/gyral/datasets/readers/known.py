"""The readers that Gyral brings, in the form that all readers have (`gyral.datasets.readers`)."""

from collections.abc import Callable
from pathlib import Path

from gyral.datasets.readers.arrays import open_array
from gyral.datasets.readers.bold import open_bold
from gyral.datasets.readers.brainio import open_brainio, open_netcdf
from gyral.datasets.readers.images import open_images
from gyral.datasets.readers.nwb import open_nwb
from gyral.datasets.readers.plain import open_table
from gyral.datasets.readers.recording import Recording
from gyral.datasets.readers.sensors import open_sensors
from gyral.datasets.readers.things_eeg2 import open_things_eeg2
from gyral.datasets.source import ResponsesSource, Source
from gyral.errors import BadDataset

Reader = Callable[[Source, Path, str], Recording]


def table(source: Source, folder: Path, subject: str) -> Recording:
    """See `gyral.datasets.readers.plain.open_table`."""
    return open_table(told_of(source), folder, subject)


def array(source: Source, folder: Path, subject: str) -> Recording:
    """See `gyral.datasets.readers.arrays.open_array`."""
    return open_array(told_of(source), source.regions, folder, subject)


def images(source: Source, folder: Path, subject: str) -> Recording:
    """See `gyral.datasets.readers.images.open_images`."""
    return open_images(told_of(source), source.regions, folder, subject)


def bold(source: Source, folder: Path, subject: str) -> Recording:
    """See `gyral.datasets.readers.bold.open_bold`."""
    return open_bold(told_of(source), source.regions, folder, subject, named=_named(source))


def mne(source: Source, folder: Path, subject: str) -> Recording:
    """See `gyral.datasets.readers.sensors.open_sensors`."""
    return open_sensors(told_of(source), source.epochs, folder, subject, named=_named(source))


def things_eeg2(source: Source, folder: Path, subject: str) -> Recording:
    """See `gyral.datasets.readers.things_eeg2.open_things_eeg2`."""
    return open_things_eeg2(told_of(source), source.epochs, folder, subject, named=_named(source))


def brainio(source: Source, folder: Path, subject: str) -> Recording:
    """See `gyral.datasets.readers.brainio.open_brainio`."""
    return open_brainio(told_of(source), folder, subject)


def netcdf(source: Source, folder: Path, subject: str) -> Recording:
    """See `gyral.datasets.readers.brainio.open_netcdf`."""
    return open_netcdf(told_of(source), folder, subject)


def nwb(source: Source, folder: Path, subject: str) -> Recording:
    """See `gyral.datasets.readers.nwb.open_nwb`."""
    return open_nwb(told_of(source), folder, subject)


def told_of(source: Source) -> ResponsesSource:
    """What ``[responses]`` says.

    Raises
    ------
    BadDataset
        There is no such table (``source``).
    """
    if source.responses is None:
        raise BadDataset("there is no table [responses].", where="dataset.toml", code="source")
    return source.responses


def _named(source: Source) -> bool:
    """Whether a table names the stimuli, or events are stimuli of their own."""
    return source.stimuli.table is not None
