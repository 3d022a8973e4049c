"""The networks, and whatever must be equal in training and in serving. Imports nothing else of the project."""
