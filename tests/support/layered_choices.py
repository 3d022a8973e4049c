"""Choices as layered.json holds them, for models of which nothing else matters."""

CHOICES = {
    "neighbors": 0,
    "tumor_temperature": 1.0,
    "mask_temperature": 1.0,
    "tumor_threshold": 0.5,
    "mask_threshold": 0.5,
    "processing": {"largest": False, "min_ml": 0.0},
    "refer_at_doubt": 0.3,
}
