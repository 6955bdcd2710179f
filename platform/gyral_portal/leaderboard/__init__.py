"""Boards, models, benchmarks and records, as everybody sees them."""
