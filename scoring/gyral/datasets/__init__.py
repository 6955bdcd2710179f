"""Datasets: stimuli, responses, regions, splits, and the packs and recipes they come from."""
