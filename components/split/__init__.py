"""Stage split: patients to train, val and test, and to folds; the leakage audit."""
