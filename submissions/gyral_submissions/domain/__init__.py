"""Business verbs as plain functions, one file per noun."""
