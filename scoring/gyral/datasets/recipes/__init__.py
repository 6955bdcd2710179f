"""Recipes of the bundled datasets: one file each, facts and readers together."""
