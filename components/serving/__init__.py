"""The server of one layered model; runs in an environment of its own, so it imports nothing of the other rooms."""
