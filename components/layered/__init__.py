"""The layered model, as everything after training meets it: its record, its decisions, the reference model."""
