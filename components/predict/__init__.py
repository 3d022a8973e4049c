"""Prediction: an approved model on scans without masks, from files to tables, masks and overlays."""
