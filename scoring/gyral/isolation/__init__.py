"""Isolation: an uploaded model runs in a guest process that sees stimuli and returns arrays, nothing else."""
