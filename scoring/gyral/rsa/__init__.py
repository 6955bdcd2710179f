"""Representational similarity analysis: RDMs, how they are compared, inference, and the topological variants."""
