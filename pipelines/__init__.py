"""Which steps run, in which order, and where."""
