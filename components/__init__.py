"""The steps of the workflow, one package each: everything that happens to the data."""
