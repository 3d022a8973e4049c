"""A head with a bright blob on FLAIR, and how programs write it as NIfTI: with headers of all kinds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

SHAPE, ZOOMS, CENTRE = (40, 32, 12), (5.0, 6.0, 11.0), (5.0, -8.0, 12.0)


@dataclass
class Phantom:
    """Volumes by what they are, in scanner units, and the affine that they share."""

    volumes: dict[str, np.ndarray]
    affine: np.ndarray

    def write(
        self, folder, name="P", headers=None, roles=("flair", "t1", "t1ce", "seg"), pattern="{name}_{role}.nii.gz"
    ):
        """Write a file a volume; `headers` holds, by role, an affine, or a function that gives data and affine."""
        for role in roles:
            data, affine = self.volumes[role], self.affine
            header = (headers or {}).get(role)
            if callable(header):
                data, affine = header(data, affine)
            elif header is not None:
                affine = header
            put(Path(folder) / pattern.format(name=name, role=role), data, affine)
        return Path(folder)


def put(path, data, affine, codes=None):
    """Save one volume; `codes` are those of qform and sform, both of which then hold the affine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = nib.Nifti1Image(data, affine)
    if codes is not None:
        picture.set_qform(affine, codes[0])
        picture.set_sform(affine, codes[1])
    nib.save(picture, path)


def phantom(seed=0, shape=SHAPE, zooms=ZOOMS, centre=CENTRE):
    """Ellipsoids of head, ventricle and tumour, right, front and up being the axes."""
    rng = np.random.default_rng(seed)
    affine = np.diag([*zooms, 1.0])
    affine[:3, 3] = np.array(centre) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    voxels = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    places = voxels @ affine[:3, :3].T + affine[:3, 3] - np.array(centre)

    def ellipsoid(middle, radii):
        return (((places - middle) / radii) ** 2).sum(-1) < 1

    head, tumor = ellipsoid((0, 0, 0), (75, 85, 55)), ellipsoid((28, 30, 8), (20, 18, 18))
    ventricle = ellipsoid((-10, -5, 0), (10, 22, 15))

    def made(brain, inside, fluid):
        volume = np.select([tumor, ventricle, head], [inside, fluid, brain], 0)
        return (volume * (1 + 0.05 * rng.standard_normal(shape))).astype(np.int16)

    volumes = {"flair": made(300, 1000, 60), "t1": made(400, 300, 150), "t1ce": made(420, 700, 150)}
    return Phantom(volumes | {"seg": tumor.astype(np.uint8), "head": head.astype(np.uint8)}, affine)
