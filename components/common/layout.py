"""Names of the files inside artifacts that one step writes and another reads."""

SERVING = "Format-Serving"  # where TFX looks for a SavedModel inside an artifact
REGISTERED = "1"  # where TensorFlow Serving looks for one inside a model's folder
LAYERED = "assets.extra/layered.json"  # inside a SavedModel, whose loaders pass it over: the choices, their evidence
HISTORY = "history.csv"  # one row an epoch
PATIENTS = "patients.csv"  # scores, three rows a test patient: gate on, gate off, on but unprocessed
CHAMPION = "champion.csv"  # PATIENTS of the champion
SLICES = "slices.csv"  # label and tumour probability, one row a test slice
PIXELS = "pixels.json"  # pixels counted by mask probability, for calibration
