"""Stage train: a network learns from the training patients; the validation patients decide when to stop."""
