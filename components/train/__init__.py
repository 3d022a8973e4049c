"""Stage train: a network learns on the training patients; the validation patients say when to stop."""
