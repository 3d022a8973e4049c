"""Names of the files inside artifacts that one step writes and another reads."""

SERVING = "Format-Serving"  # where TFX looks for a SavedModel inside an artifact
LAYERED = "layered.json"  # what the layered model needs to be used: thresholds, neighbours; and their evidence
HISTORY = "history.csv"  # one row an epoch
PATIENTS = "patients.csv"  # scores, two rows a test patient: stage 1's gate on and off
SLICES = "slices.csv"  # label and tumour probability, one row a test slice
