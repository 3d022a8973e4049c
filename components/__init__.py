"""The steps of the workflow, one a module: what happens to the data."""
