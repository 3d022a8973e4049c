"""The report of a finished run: a page for people, a model card for the registry, curves for `dvc plots show`.

Everything is read from what the stages before have written; nothing is measured again but curves and tables of it.
"""
