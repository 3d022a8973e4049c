"""The same workflow on clusters: one pod a stage of dvc.yaml, manifests generated from it."""
