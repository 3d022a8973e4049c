"""Names of the files inside artifacts that one step writes and another reads."""

from pathlib import Path

SERVING = "Format-Serving"  # where TFX looks for a SavedModel inside an artifact
REGISTERED = "1"  # where TensorFlow Serving looks for one inside a model's folder
LAYERED = "assets.extra/layered.json"  # in a SavedModel, whose loaders ignore it: the choices and their evidence
LITERT = {network: f"assets.extra/{network}.tflite" for network in ("classifier", "segmenter")}  # the same networks
ENGINES = ("litert", "tensorflow")  # what runs a layered model's networks
HISTORY = "history.csv"  # one row per epoch
PATIENTS = "patients.csv"  # scores, three rows per test patient: gate on, gate off, gate on without 3-D processing
CHAMPION = "champion.csv"  # PATIENTS of the champion
SLICES = "slices.csv"  # label and tumour probability, one row per test slice
PIXELS = "pixels.json"  # pixels counted by mask probability, for calibration
FETCHED = Path("artifacts/models")  # versions fetched from the registry, each in a folder of its name
