"""Datasets, training runs, model versions: the rows are the registry."""
