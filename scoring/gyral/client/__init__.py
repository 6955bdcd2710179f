"""A Gyral site as its users' programs see it: tokens, calls of the API, uploads in pieces, runs that are followed."""
