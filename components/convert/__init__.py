"""Stage convert: scans become sharded TFRecords."""
