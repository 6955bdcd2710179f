"""Uploads, submissions and runs, as their owner sees them."""
