"""Retrieval: which stimulus was heard, found among candidates from windows of M/EEG."""
