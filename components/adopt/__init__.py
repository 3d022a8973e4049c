"""Adopt: what a review decided becomes the next version of a source, whole or not at all."""
