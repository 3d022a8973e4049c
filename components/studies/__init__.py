"""Studies beside the workflow: cross-validation, hyperparameter search, new scans against the training set."""
