"""The layered model, as used by everything after training: its record, its decisions, the reference model."""
