"""Stage validate: statistics of the examples, anomalies, drift between the splits."""
