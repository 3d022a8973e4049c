"""Stage evaluate: what the test patients say about a model, and the verdict of the gate."""
