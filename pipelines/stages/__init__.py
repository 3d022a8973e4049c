"""The stages of dvc.yaml, one module each: `run(params)` binds parameters and paths to the room of the same name."""
