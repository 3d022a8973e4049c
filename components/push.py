"""Push: what the registry holds, and what the last push added to it."""

from __future__ import annotations

from pathlib import Path


def versions(registry: str | Path) -> list[str]:
    """Version numbers below `registry`, oldest first. Folders without a SavedModel are not versions."""
    found = [p.parent.name for p in Path(registry).glob("*/saved_model.pb") if p.parent.name.isdigit()]
    return sorted(found, key=int)
