"""Controls: what stands beside a score, so that it can be believed."""
