"""The server of one layered model; it runs in its own environment, so it imports no other package of the project."""
