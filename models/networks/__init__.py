"""The networks, their losses, augmentation and files: all that a training depends on."""
