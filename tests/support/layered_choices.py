"""Valid choices of layered.json, for tests to which their values don't matter."""

CHOICES = {
    "neighbors": 0,
    "tumor_temperature": 1.0,
    "mask_temperature": 1.0,
    "tumor_threshold": 0.5,
    "mask_threshold": 0.5,
    "processing": {"largest": False, "min_ml": 0.0},
    "refer_at_doubt": 0.3,
}
