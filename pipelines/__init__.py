"""Which steps, in which order, and where they run."""
