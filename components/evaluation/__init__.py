"""What a model is worth: metrics of masks and slices, calibration, doubt, intervals, cohorts; numbers in, numbers out.

Nothing here reads a scan or runs a network. Every name says how empties count; docs/reference/metrics.md lists them.
"""
