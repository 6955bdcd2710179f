"""Benchmarks: a dataset, a split, a metric and a readout family under one versioned name."""
