"""Runs of the whole workflow: by hand, by a timer, once per fold."""
