"""The networks, and everything that must be equal in training and serving. Imports nothing else of the project."""
