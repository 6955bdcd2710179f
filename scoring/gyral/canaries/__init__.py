"""Canaries: baselines that know nothing but the order of samples, and checks of what a split keeps apart.

A dataset under a split is fit for a board only if none of them sings (`gyral.canaries.battery`).
"""
