"""The steps of the workflow, one per module: what happens to the data."""
