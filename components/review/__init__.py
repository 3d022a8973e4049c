"""Review: a human accepts, corrects or rejects masks in a browser; every decision is kept, with who, when and why."""
