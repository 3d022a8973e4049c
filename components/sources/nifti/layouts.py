"""Layouts of sets of NIfTI files: which files make up whose examination.

P1/P1_flair.nii.gz                         one folder per patient, at any depth; HGG/P1/..., site/P1/...
sub-01/ses-1/anat/sub-01_ses-1_FLAIR.nii   BIDS, with masks below derivatives/
P1/baseline/flair.nii.gz                   one folder per visit
images_structural/P1/..., images_segm/...  images and masks in separate folders (UPENN-GBM)
imagesTr/P1_0000.nii.gz, labelsTr/...      nnU-Net; or one 4-D file each (Medical Segmentation Decathlon)
P1_flair.nii.gz, P1.nii.gz                 files side by side
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from components.common.problems import Problem
from components.sources.nifti import flat_folder, folder_names, separate_masks
from components.sources.nifti.file_names import flair_folders, is_complete, is_volume, role
from components.sources.nifti.folder_layout import Layout

IGNORED_FOLDERS = ("sourcedata", "code")  # BIDS' folders for the original data and code


def find(entries: Mapping[str, list[str]], name: str = "") -> Layout:
    """Group the NIfTI files of the folder `name`, given as its entries and the files below each, by patient."""
    layout = Layout()
    paths = [f"{name}/{file}" for name, files in entries.items() for file in files if is_volume(file)]
    derived = [path for path in paths if "derivatives" in PurePosixPath(path).parts]
    paths = [path for path in paths if not {"derivatives", *IGNORED_FOLDERS} & set(PurePosixPath(path).parts[:-1])]
    if any(folder_names.holds_images(path.split("/")[0]) for path in paths):
        paths = separate_masks.by_kind(paths, layout)
    by_top: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        by_top[path.split("/")[0]].append(path)
    for top in set_folders(paths):
        by_top.pop(top, None)  # no patient, but a set whose patients lie further down: `leftovers` reports it
    if len(by_top) > 1 and not any(is_complete(inside, top) for top, inside in by_top.items()):
        by_top.clear()
    for top, inside in by_top.items():
        _folder(top, inside, len(by_top) == 1, layout)
    flat = [entry for entry, files in entries.items() if not files and is_volume(entry)]
    _flat(flat, folder_names.holds_images(name), layout)
    separate_masks.below_derivatives(derived, layout)
    return layout


def set_folders(paths: Iterable[str]) -> list[str]:
    """Top folders that hold a data set of their own, as those of two sets side by side do."""
    split = [PurePosixPath(path).parts for path in paths]
    return sorted({parts[0] for parts in split if len(parts) > 2 and folder_names.is_of_a_set(parts[1])})


def _folder(top: str, paths: list[str], alone: bool, layout: Layout) -> None:
    """Handle a top folder: a person, possibly with visits, or a group of persons."""
    if any(folder_names.SUBJECT.fullmatch(part) for path in paths for part in PurePosixPath(path).parts[:-1]):
        for path in paths:
            _bids(path, layout)
        return
    below: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        parts = path.split("/")
        below[parts[1] if len(parts) > 2 else ""].append(path)
    whole = {sub: len(found) for sub, inside in below.items() if sub and (found := flair_folders(inside))}
    visits = [sub for sub, count in whole.items() if folder_names.is_visit(sub) and count == 1]
    persons = [sub for sub in whole if sub not in visits and not folder_names.is_kind(sub)]
    direct = below.pop("", [])
    if flair_folders(direct) or not (visits or persons):
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
    """Handle one folder in a group: a layout of its own, with its locations below the group."""
    inner = Layout()
    _folder(sub, [path.removeprefix(f"{group}/") for path in paths], True, inner)
    for patient, inside in inner.files.items():
        for path in inside:
            layout.add(patient, f"{group}/{inner.homes[patient]}", f"{group}/{path}", group)


def _visits(top: str, below: Mapping[str, list[str]], layout: Layout) -> None:
    """Handle examinations of one or several persons: assumed to be one's, which can't leak."""
    for sub, inside in below.items():
        for path in inside:
            layout.add(folder_names.visit_name(top, sub), f"{top}/{sub}", path)
    names = ", ".join(sorted(below)[:5])
    what = f"its {len(below)} examinations ({names}) are treated as one person's, to keep them in one split"
    remedy = "if they are several persons', prefix each file's name with its folder's, or put the folders at the top"
    layout.problems.append(Problem("choice", "", top, what, remedy))


def _bids(path: str, layout: Layout) -> None:
    """Handle a file below sub-<label>/ and, possibly, ses-<label>/."""
    parts = PurePosixPath(path).parts
    at = next((i for i, part in enumerate(parts[:-1]) if folder_names.SUBJECT.fullmatch(part)), None)
    if at is None:
        layout.add(parts[0], parts[0], path)
        return
    session = next((i for i, part in enumerate(parts[:-1]) if i > at and folder_names.is_visit(part)), at)
    patient = parts[at] if session == at else folder_names.visit_name(parts[at], parts[session])
    layout.add(patient, "/".join(parts[: session + 1]), path)


def _flat(names: list[str], channels: bool, layout: Layout) -> None:
    """Handle files beside the folders, or alone."""
    groups = flat_folder.group(names, channels=channels)
    for patient, files in groups.items():
        for path in files:
            layout.add(patient, "", path)
    left = sorted(set(names) - {path for files in groups.values() for path in files})
    strays = [name for name in left if role(name, "") == "mask"]
    layout.problems += [Problem("extra_mask", "", name, "a mask without its image") for name in strays]


def _named_after(folder: str, paths: list[str]) -> bool:
    """Return whether the files in a folder begin with its name, as they do in a patient's folder."""
    start = folder.removesuffix("_nifti")
    return all(
        PurePosixPath(path).name.startswith(start) for path in paths if role(PurePosixPath(path).name, "") == "flair"
    )
