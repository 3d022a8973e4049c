"""The same workflow on clusters: one pod per stage of dvc.yaml, with generated manifests."""
