"""The words used for array axes everywhere in Gyral.

Shapes in annotations (``Float[np.ndarray, "samples units"]``) use only these names.
"""

SAMPLES = "samples"  # one row per stimulus presentation or averaged stimulus
UNITS = "units"  # voxels, vertices, neurons, sensors, behavioural targets
FEATURES = "features"  # flat columns of one layer
POSITIONS = "positions"  # tokens or words
CHANNELS = "channels"
HEIGHT = "height"
WIDTH = "width"
TIMES = "times"
REPEATS = "repeats"
SUBJECTS = "subjects"

FLAT = (SAMPLES, FEATURES)
TOKENS = (SAMPLES, POSITIONS, CHANNELS)
MAP = (SAMPLES, CHANNELS, HEIGHT, WIDTH)

_BY_NDIM = {2: FLAT, 3: TOKENS, 4: MAP}


def axes_of(ndim: int) -> tuple[str, ...]:
    """Axes of one layer's array by its number of dimensions (2 flat, 3 tokens, 4 channel map).

    >>> axes_of(4)
    ('samples', 'channels', 'height', 'width')
    """
    if ndim not in _BY_NDIM:
        raise ValueError(f"a layer's array has 2, 3 or 4 axes, not {ndim}")
    return _BY_NDIM[ndim]
