"""Uniform access to folders and buckets, process pools, Beam."""
