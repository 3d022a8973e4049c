"""What a command is as a process: its output, its lock, signals, and whatever it starts."""
