"""What is checked before the first stage, rather than hours later in the stage that fails."""
