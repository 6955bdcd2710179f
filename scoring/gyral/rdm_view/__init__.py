"""RDM view: a region's measured dissimilarities beside those of a model's layer, to be looked at."""
