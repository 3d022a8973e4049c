"""The networks, their losses, augmentation and files: everything that training depends on."""
