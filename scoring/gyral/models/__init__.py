"""Models: anything that turns stimuli into arrays, layer by layer."""
