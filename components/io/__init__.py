"""Folders and buckets alike, process pools, Beam."""
