"""A head with a blob that is bright on FLAIR, written as NIfTI with headers of all kinds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

SHAPE, ZOOMS, CENTRE = (40, 32, 12), (5.0, 6.0, 11.0), (5.0, -8.0, 12.0)


@dataclass
class Phantom:
    """Volumes by role, in scanner units, and their common affine."""

    volumes: dict[str, np.ndarray]
    affine: np.ndarray

    def write(
        self, folder, name="P", headers=None, roles=("flair", "t1", "t1ce", "seg"), pattern="{name}_{role}.nii.gz"
    ):
        """Write one file per volume; `headers` maps roles to an affine, or a function that returns data and affine."""
        for role in roles:
            data, affine = self.volumes[role], self.affine
            header = (headers or {}).get(role)
            if callable(header):
                data, affine = header(data, affine)
            elif header is not None:
                affine = header
            write_nifti_volume(Path(folder) / pattern.format(name=name, role=role), data, affine)
        return Path(folder)


def write_nifti_volume(path, data, affine, codes=None):
    """Save one volume; with `codes`, those of qform and sform, both forms hold the affine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(data, affine)
    if codes is not None:
        image.set_qform(affine, codes[0])
        image.set_sform(affine, codes[1])
    nib.save(image, path)


def phantom(seed=0, shape=SHAPE, zooms=ZOOMS, centre=CENTRE):
    """Ellipsoids of head, ventricle and tumour; the axes point right, front and up."""
    rng = np.random.default_rng(seed)
    affine = np.diag([*zooms, 1.0])
    affine[:3, 3] = np.array(centre) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    voxels = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    points = voxels @ affine[:3, :3].T + affine[:3, 3] - np.array(centre)

    def ellipsoid(center, radii):
        return (((points - center) / radii) ** 2).sum(-1) < 1

    head, tumor = ellipsoid((0, 0, 0), (75, 85, 55)), ellipsoid((28, 30, 8), (20, 18, 18))
    ventricle = ellipsoid((-10, -5, 0), (10, 22, 15))

    def make_volume(brain, inside, fluid):
        volume = np.select([tumor, ventricle, head], [inside, fluid, brain], 0)
        return (volume * (1 + 0.05 * rng.standard_normal(shape))).astype(np.int16)

    volumes = {
        "flair": make_volume(300, 1000, 60),
        "t1": make_volume(400, 300, 150),
        "t1ce": make_volume(420, 700, 150),
    }
    return Phantom(volumes | {"seg": tumor.astype(np.uint8), "head": head.astype(np.uint8)}, affine)
