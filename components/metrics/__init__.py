"""Metrics of masks, slices and patients, with intervals, calibration and doubt."""
