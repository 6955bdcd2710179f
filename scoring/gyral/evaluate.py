"""The whole pipeline on one page: model, dataset and readout in, Record out."""
