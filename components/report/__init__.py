"""The report of a finished run: a page for people, a model card for the registry, curves for `dvc plots show`.

Everything is read from the output of earlier stages; only curves and tables are computed here.
"""
