"""The networks, their losses, augmentation and files: everything that a training depends on."""
