"""The stages of dvc.yaml, one module each: `run(params)` passes parameters and paths to the package of that name."""
