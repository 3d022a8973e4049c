"""Stage evaluate: the model's results on the test patients, and the gate's verdict."""
