"""How sets of NIfTI files are laid out: which files make up whose examination.

P1/P1_flair.nii.gz                         a folder a patient, at any depth; HGG/P1/..., site/P1/...
sub-01/ses-1/anat/sub-01_ses-1_FLAIR.nii   BIDS, with masks below derivatives/
P1/baseline/flair.nii.gz                   a folder a visit
images_structural/P1/..., images_segm/...  pictures and masks in folders of their own (UPENN-GBM)
imagesTr/P1_0000.nii.gz, labelsTr/...      nnU-Net; or one 4-D file each (Medical Segmentation Decathlon)
P1_flair.nii.gz, P1.nii.gz                 files side by side
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from components.problems import Problem
from components.scans.identity import file_name
from components.sources import bids_names, folder_names, nifti_flat
from components.sources.entry import Entry
from components.sources.nifti_names import flair_folders, is_complete, is_volume, role

PASSED = ("sourcedata", "code")  # BIDS' folders for what the set was made from


@dataclass
class Layout:
    """Patients by name, each with a folder of its own ("" where there is none) and files; and what is odd."""

    homes: dict[str, str] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    problems: list[Problem] = field(default_factory=list)

    def add(self, patient: str, home: str, path: str, group: str = "") -> None:
        """Add a file; patients of one name in two groups are two."""
        if self.homes.get(patient, home) != home and group:
            patient = f"{group}_{patient}"
        if self.homes.setdefault(patient, home) != home:
            self.homes[patient] = ""
        self.files[patient].append(path)

    def entries(self, folder: str, channels: tuple[str, ...]) -> dict[str, Entry]:
        """All patients' places in the tree."""
        start = f"{folder}/" if folder else ""
        found = {}
        for patient, paths in self.files.items():
            home = self.homes[patient]
            whole = bool(home) and all(path.startswith(f"{home}/") for path in paths)
            place = home or str(PurePosixPath(paths[0]).parent / patient)
            found[file_name(patient)] = Entry(start + place, [start + path for path in paths], not whole, channels)
        return found


def find(entries: Mapping[str, list[str]]) -> Layout:
    """Sort the NIfTI files of a folder, given as its entries and the files below each, into patients."""
    layout = Layout()
    paths = [f"{name}/{file}" for name, files in entries.items() for file in files if is_volume(file)]
    derived = [path for path in paths if "derivatives" in PurePosixPath(path).parts]
    paths = [path for path in paths if path not in set(derived) and path.split("/")[0] not in PASSED]
    if any(folder_names.holds_images(path.split("/")[0]) for path in paths):
        paths = _by_kind(paths, layout)
    by_top = defaultdict(list)
    for path in paths:
        by_top[path.split("/")[0]].append(path)
    if len(by_top) > 1 and not any(is_complete(inside, top) for top, inside in by_top.items()):
        by_top.clear()
    for top, inside in by_top.items():
        _folder(top, inside, len(by_top) == 1, layout)
    _flat([name for name, files in entries.items() if not files and is_volume(name)], layout)
    _derivatives(derived, layout)
    return layout


def _folder(top: str, paths: list[str], alone: bool, layout: Layout) -> None:
    """A top folder: a person, with visits perhaps, or a group of persons."""
    if any(folder_names.SUBJECT.fullmatch(part) for path in paths for part in PurePosixPath(path).parts[:-1]):
        for path in paths:
            _bids(path, layout)
        return
    below = defaultdict(list)
    for path in paths:
        parts = path.split("/")
        below[parts[1] if len(parts) > 2 else ""].append(path)
    whole = {sub: len(found) for sub, inside in below.items() if sub and (found := flair_folders(inside))}
    visits = [sub for sub, count in whole.items() if folder_names.is_visit(sub) and count == 1]
    persons = [sub for sub in whole if sub not in visits and not folder_names.is_kind(sub)]
    if "" in below or not (visits or persons):
        _own_folder(top, paths, layout)
    elif not persons and not folder_names.is_group(top):
        for path in paths:
            sub = path.split("/")[1]
            layout.add(sub if sub.startswith(top) else folder_names.visit_name(top, sub), f"{top}/{sub}", path)
    elif folder_names.is_group(top) or all(_named_after(sub, below[sub]) for sub in persons):
        for sub, inside in below.items():
            _folder_below(top, sub, inside, layout)
    elif alone or len(whole) == 1:
        _own_folder(top, paths, layout)
    else:
        _visits(top, below, layout)


def _own_folder(person: str, paths: list[str], layout: Layout) -> None:
    for path in paths:
        layout.add(person.removesuffix("_nifti"), person, path)  # UCSF-PDGM's folders


def _folder_below(group: str, sub: str, paths: list[str], layout: Layout) -> None:
    """One folder in a group: a layout of its own, its places below the group."""
    inner = Layout()
    _folder(sub, [path.removeprefix(f"{group}/") for path in paths], True, inner)
    for patient, inside in inner.files.items():
        for path in inside:
            layout.add(patient, f"{group}/{inner.homes[patient]}", f"{group}/{path}", group)


def _visits(top: str, below: Mapping[str, list[str]], layout: Layout) -> None:
    """Examinations that may be one person's, or several persons': taken for one's, which leaks nothing."""
    for sub, inside in below.items():
        for path in inside:
            layout.add(folder_names.visit_name(top, sub), f"{top}/{sub}", path)
    names = ", ".join(sorted(below)[:5])
    what = f"its {len(below)} examinations ({names}) are taken for one person's, to keep them on one side of a split"
    remedy = "if they are several persons', start the files' names with their folders', or lay the folders side by side"
    layout.problems.append(Problem("choice", "", top, what, remedy))


def _bids(path: str, layout: Layout) -> None:
    """A file below sub-<label>/, and ses-<label>/ perhaps."""
    parts = PurePosixPath(path).parts
    at = next((i for i, part in enumerate(parts[:-1]) if folder_names.SUBJECT.fullmatch(part)), None)
    if at is None:
        layout.add(parts[0], parts[0], path)
        return
    session = next((i for i, part in enumerate(parts[:-1]) if i > at and folder_names.is_visit(part)), at)
    patient = parts[at] if session == at else folder_names.visit_name(parts[at], parts[session])
    layout.add(patient, "/".join(parts[: session + 1]), path)


def _by_kind(paths: list[str], layout: Layout) -> list[str]:
    """Pictures in folders of pictures, masks in folders of masks; returns the files that lie in neither."""
    pictures, masks, others = [], [], []
    for path in paths:
        top = path.split("/")[0]
        kind = pictures if folder_names.holds_images(top) else masks if folder_names.holds_masks(top) else others
        kind.append(path)
    flat = defaultdict(list)
    for path in pictures:
        parts = [part for i, part in enumerate(path.split("/")) if i == 0 or not folder_names.holds_images(part)]
        if len(parts) > 2:
            layout.add(parts[1], "/".join(path.split("/")[:-1]), path)
        else:
            flat[str(PurePosixPath(path).parent)].append(path)
    for inside in flat.values():
        for patient, files in nifti_flat.group(inside, channels=True).items():
            for path in files:
                layout.add(patient, "", path)
    for path in masks:
        _attach(path, layout)
    return others


def _attach(path: str, layout: Layout) -> None:
    """Give a mask in a folder of masks to the patient whose name its folder has, or its own name begins with."""
    parts = path.split("/")
    name = parts[1] if len(parts) > 2 else nifti_flat.plain_stem(parts[-1])
    fitting = [one for one in layout.files if name == one or (name.startswith(one) and not name[len(one)].isalnum())]
    if fitting:
        layout.files[max(fitting, key=len)].append(path)
    else:
        layout.problems.append(Problem("extra_mask", "", path, "a mask without its picture"))


def _flat(names: list[str], layout: Layout) -> None:
    """Files that lie beside the folders, or alone."""
    groups = nifti_flat.group(names)
    for patient, files in groups.items():
        for path in files:
            layout.add(patient, "", path)
    left = sorted(set(names) - {path for files in groups.values() for path in files})
    strays = [name for name in left if role(name, "") == "mask"]
    layout.problems += [Problem("extra_mask", "", name, "a mask without its picture") for name in strays]


def _derivatives(paths: list[str], layout: Layout) -> None:
    """Masks that BIDS keeps below derivatives/<pipeline>/sub-<label>/: given to that subject and session."""
    for path in paths:
        name = PurePosixPath(path).name
        if role(name, "") != "mask":
            continue
        parts = PurePosixPath(path).parts
        person = next((part for part in parts if folder_names.SUBJECT.fullmatch(part)), None)
        session = next((part for part in parts if folder_names.SESSION.fullmatch(part)), None)
        patient = "_".join(filter(None, (person, session))) if person else bids_names.patient_of(name)
        if patient in layout.files:
            layout.files[patient].append(path)
        else:
            layout.problems.append(Problem("extra_mask", "", path, "a mask without its picture"))


def _named_after(folder: str, paths: list[str]) -> bool:
    """Tell whether the files in a folder begin with its name, as they do where it is a patient's."""
    start = folder.removesuffix("_nifti")
    return all(
        PurePosixPath(path).name.startswith(start) for path in paths if role(PurePosixPath(path).name, "") == "flair"
    )
