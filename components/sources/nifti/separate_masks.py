"""Layouts that keep masks in separate folders: nnU-Net, the Medical Segmentation Decathlon, UPENN-GBM, BIDS."""

from __future__ import annotations

from collections import defaultdict
from pathlib import PurePosixPath

from components.common.problems import Problem
from components.sources.nifti import bids_names, flat_folder, folder_names
from components.sources.nifti.file_names import role
from components.sources.nifti.folder_layout import Layout


def by_kind(paths: list[str], layout: Layout) -> list[str]:
    """Assign images in folders of images and masks in folders of masks; returns the files in neither."""
    pictures = [path for path in paths if folder_names.holds_images(path.split("/")[0])]
    left = [path for path in paths if not folder_names.holds_images(path.split("/")[0])]
    masks = [path for path in left if folder_names.holds_masks(path.split("/")[0])]
    flat: dict[str, list[str]] = defaultdict(list)
    for path in pictures:
        parts = [part for i, part in enumerate(path.split("/")) if i == 0 or not folder_names.holds_images(part)]
        if len(parts) > 2:
            layout.add(parts[1], "/".join(path.split("/")[:-1]), path)
        else:
            flat[str(PurePosixPath(path).parent)].append(path)
    for inside in flat.values():
        for patient, files in flat_folder.group(inside, channels=True).items():
            for path in files:
                layout.add(patient, "", path)
    for path in masks:
        _attach(path, layout)
    return [path for path in left if not folder_names.holds_masks(path.split("/")[0])]


def _attach(path: str, layout: Layout) -> None:
    """Assign a mask in a folder of masks to the patient named by its folder, or by the start of its own name."""
    parts = path.split("/")
    name = parts[1] if len(parts) > 2 else flat_folder.plain_stem(parts[-1])
    fitting = [one for one in layout.files if name == one or (name.startswith(one) and not name[len(one)].isalnum())]
    if fitting:
        layout.files[max(fitting, key=len)].append(path)
    else:
        layout.problems.append(Problem("extra_mask", "", path, "a mask without its image"))


def below_derivatives(paths: list[str], layout: Layout) -> None:
    """Assign masks that BIDS keeps below derivatives/<pipeline>/sub-<label>/ to that subject and session."""
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
            layout.problems.append(Problem("extra_mask", "", path, "a mask without its image"))
