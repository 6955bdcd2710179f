"""Readouts: fitted maps from features to responses; ``READOUTS`` names them all."""

from gyral.registry import Registry

READOUTS = Registry(
    "readout",
    {
        "ridge": "gyral.readouts.ridge:Ridge",
        "gap": "gyral.readouts.ridge:GapRidge",
        "cls": "gyral.readouts.ridge:ClsRidge",
    },
    {
        "ridge": "linear, one penalty per unit chosen inside training rows",
        "gap": "ridge on features averaged over positions (a floor)",
        "cls": "ridge on the class token (a floor)",
    },
)
