"""Readers: from a subject's files to a recording; ``READERS`` names them all.

A reader is a function ``(source, folder, subject)`` of the description (`gyral.datasets.source.Source`), the folder that its paths
are relative to, and the name of a subject; it gives a `gyral.datasets.readers.recording.Recording`. Headers and tables are read at
once, numbers only when the recording's parts are asked for their blocks. Its own fields stand in ``[responses.options]``.
"""

from gyral.registry import Registry

READERS = Registry(
    "reader",
    {
        "table": "gyral.datasets.readers.known:table",
        "array": "gyral.datasets.readers.known:array",
        "images": "gyral.datasets.readers.known:images",
        "bold": "gyral.datasets.readers.known:bold",
        "mne": "gyral.datasets.readers.known:mne",
        "things-eeg2": "gyral.datasets.readers.known:things_eeg2",
        "brainio": "gyral.datasets.readers.known:brainio",
        "netcdf": "gyral.datasets.readers.known:netcdf",
        "nwb": "gyral.datasets.readers.known:nwb",
    },
    {
        "table": "csv, tsv or parquet: a row a trial, a column a unit",
        "array": "trials x units in .npy, .mat or HDF5",
        "images": "NIfTI, GIFTI, CIFTI or FreeSurfer maps, one a trial",
        "bold": "BOLD time series with events",
        "mne": "recordings of M/EEG with events: FIF, SET, EDF, BDF, BrainVision",
        "things-eeg2": "epochs as THINGS-EEG2 publishes them",
        "brainio": "netCDF assemblies of Brain-Score",
        "netcdf": "trials x units in netCDF, with coordinates",
        "nwb": "spikes of units in NWB 2, counted after each trial's start",
    },
)
