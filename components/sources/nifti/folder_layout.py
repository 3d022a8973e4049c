"""The patients of a source and their files, while the layout is being determined."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from components.common.problems import Problem
from components.scans.identity import file_name
from components.sources.entry import Entry


@dataclass
class Layout:
    """Patients by name, each with its own folder ("" if there is none) and files; and anything odd."""

    homes: dict[str, str] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    problems: list[Problem] = field(default_factory=list)

    def add(self, patient: str, home: str, path: str, group: str = "") -> None:
        """Add a file; equal names in two groups are two patients."""
        if self.homes.get(patient, home) != home and group:
            patient = f"{group}_{patient}"
        if self.homes.setdefault(patient, home) != home:
            self.homes[patient] = ""
        self.files[patient].append(path)

    def entries(self, folder: str, channels: tuple[str, ...]) -> dict[str, Entry]:
        """The locations of all patients in the tree."""
        start = f"{folder}/" if folder else ""
        found = {}
        for patient, paths in self.files.items():
            home = self.homes[patient]
            whole = bool(home) and all(path.startswith(f"{home}/") for path in paths)
            place = home or str(PurePosixPath(paths[0]).parent / patient)
            found[file_name(patient)] = Entry(start + place, [start + path for path in paths], not whole, channels)
        return found
