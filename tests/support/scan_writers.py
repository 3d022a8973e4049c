"""Made-up scans, written in the formats of other tools: tif pictures, NIfTI, DICOM."""

from __future__ import annotations

import functools
import inspect
import tempfile
from pathlib import Path

import highdicom as hd
import nibabel as nib
import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid

from components.scans.scan import CHANNELS, Scan

NAME = "TCGA_DU_0001_19990101"
# Slices 5 mm and pixels 1 mm apart, somewhere in the scanner.
AFFINE = np.array([[-1.0, 0, 0, 31], [0, -1.0, 0, 40], [0, 0, 5.0, -22], [0, 0, 0, 1]])
DESCRIPTIONS = {"pre": "AX T1 PRE", "flair": "AX T2 FLAIR", "post": "AX T1 POST GD"}
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def make_scan(patient=NAME, slices=6, size=32, seed=3, affine=AFFINE):
    """Noise, different for each name and seed, with a rectangular tumour in all slices but the first and last."""
    rng = np.random.default_rng([seed, *patient.encode()])
    image = rng.integers(0, 256, (slices, size, size, 3), dtype=np.uint8)
    mask = np.zeros((slices, size, size), bool)
    mask[1:-1, 4:10, 6:14] = True
    return Scan(patient, "DU", image, mask, affine)


def cached_writer(write):
    """Cache the files that `write` writes for a scan; later calls with equal arguments write the same bytes."""
    kept, signature = {}, inspect.signature(write)

    @functools.wraps(write)
    def wrapper(root, scan, *arguments, place=None, **more):
        pixels = (scan.image.tobytes(), scan.mask.tobytes(), scan.affine.tobytes())
        given = signature.bind(None, None, *arguments, **more).arguments
        key = (scan.patient, scan.image.shape, *pixels, repr(given))
        if key not in kept:
            with tempfile.TemporaryDirectory() as folder:
                write(folder, scan, *arguments, **more)
                files = [path for path in Path(folder).rglob("*") if path.is_file()]
                kept[key] = {path.relative_to(folder): path.read_bytes() for path in files}
        folder = Path(root) / (place or scan.patient)
        for name, data in kept[key].items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        return folder

    return wrapper


def write_kaggle(root, scan):
    folder = Path(root) / scan.patient
    folder.mkdir(parents=True)
    for i, (image, mask) in enumerate(zip(scan.image, scan.mask, strict=True), start=1):
        Image.fromarray(image).save(folder / f"{scan.patient}_{i}.tif")
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"{scan.patient}_{i}_mask.tif")
    return folder


@cached_writer
def write_nifti(folder, scan, names="{patient}_{role}.nii.gz", roles=("t1", "flair", "t1ce", "seg"), axes="LPS"):
    """Write one file per sequence, with voxels in the order of `axes`."""
    volumes = [*np.moveaxis(scan.image, -1, 0), scan.mask.astype(np.uint8)]
    for role, volume in zip(roles, volumes, strict=True):
        image_file = nib.Nifti1Image(volume.transpose(2, 1, 0), scan.affine)
        transform = nib.orientations.ornt_transform(
            nib.io_orientation(image_file.affine), nib.orientations.axcodes2ornt(tuple(axes))
        )
        nib.save(image_file.as_reoriented(transform), Path(folder) / names.format(patient=scan.patient, role=role))


def mr_slice(scan, channel, number, series, **tags):
    """One slice of one sequence as an 8-bit DICOM MR image."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, MRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[scan.patient, series, str(number)])
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    affine = RAS_TO_LPS @ scan.affine
    columns, rows, depth = (np.linalg.norm(affine[:3, i]) for i in range(3))
    place = affine @ [0, 0, number, 1]
    data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
    data.PatientID, data.PatientName, data.PatientBirthDate = scan.patient, "DOE^JANE", "19600229"
    data.PatientSex, data.StudyDate, data.StudyTime, data.StudyID, data.AccessionNumber = (
        "F",
        "20010203",
        "120000",
        "1",
        "A77",
    )
    data.ReferringPhysicianName = "WHO^DOCTOR"
    data.StudyInstanceUID = generate_uid(entropy_srcs=[scan.patient, "study"])
    data.SeriesInstanceUID = generate_uid(entropy_srcs=[scan.patient, series])
    data.FrameOfReferenceUID = generate_uid(entropy_srcs=[scan.patient, "frame"])
    data.Modality, data.SeriesNumber, data.InstanceNumber = "MR", CHANNELS.index(channel) + 2, number + 1
    data.SeriesDescription = DESCRIPTIONS[channel]
    data.ImageType = ["ORIGINAL", "PRIMARY"]
    data.ImageOrientationPatient = [*(affine[:3, 0] / columns), *(affine[:3, 1] / rows)]
    data.ImagePositionPatient = list(place[:3])
    data.PixelSpacing, data.SliceThickness = [rows, columns], depth
    data.Rows, data.Columns = scan.image.shape[1:3]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    data.PixelData = np.ascontiguousarray(scan.image[number, ..., CHANNELS.index(channel)]).tobytes()
    for name, value in tags.items():
        setattr(data, name, value)
    return data


def dataset_with(**tags):
    made = Dataset()
    for name, value in tags.items():
        setattr(made, name, value)
    return made


def multi_frame(scan, channel):
    """One sequence as a single multi-frame file, as newer scanners write it."""
    slices = [mr_slice(scan, channel, i, channel) for i in range(len(scan.image))]
    data = slices[0]
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    data.NumberOfFrames = len(slices)
    shared, frames = Dataset(), []
    shared.PixelMeasuresSequence = [dataset_with(PixelSpacing=data.PixelSpacing, SliceThickness=data.SliceThickness)]
    shared.PlaneOrientationSequence = [dataset_with(ImageOrientationPatient=data.ImageOrientationPatient)]
    for i, one in enumerate(slices, start=1):
        place = dataset_with(ImagePositionPatient=one.ImagePositionPatient)
        content = dataset_with(StackID="1", InStackPositionNumber=i, DimensionIndexValues=[1, i])
        frames.append(dataset_with(PlanePositionSequence=[place], FrameContentSequence=[content]))
    data.SharedFunctionalGroupsSequence, data.PerFrameFunctionalGroupsSequence = [shared], frames[::-1]
    data.PixelData = b"".join(one.PixelData for one in slices[::-1])
    for name in ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "SliceThickness"):
        delattr(data, name)
    return data


def write_series(folder, scan, channel, series=None, **tags):
    """Write all slices of one sequence, last slice first, so that file order does not match position order."""
    folder.mkdir(parents=True, exist_ok=True)
    slices = [mr_slice(scan, channel, i, series or channel, **tags) for i in range(len(scan.image))]
    for i, data in enumerate(reversed(slices), start=1):
        data.save_as(folder / f"IM{i:04d}.dcm", enforce_file_format=True)
    return slices


@cached_writer
def write_dicom(folder, scan, mask=True, channels=CHANNELS):
    for channel in channels:
        slices = write_series(Path(folder) / channel, scan, channel)
        if channel == "flair" and mask:
            segmentation(scan, slices).save_as(Path(folder) / "seg.dcm")


def segmentation(scan, slices, mask=None, kind=hd.seg.SegmentationTypeValues.BINARY):
    """The mask as DICOM SEG without empty slices, as most tools write it; one segment per index of a fourth axis."""
    mask = scan.mask if mask is None else mask
    descriptions = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label="tumour",
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Neoplasm,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number in range(1, mask.shape[3] + 1 if mask.ndim == 4 else 2)
    ]
    return hd.seg.Segmentation(
        source_images=slices,
        pixel_array=mask,
        segmentation_type=kind,
        segment_descriptions=descriptions,
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="made up",
        manufacturer_model_name="made up",
        software_versions="1",
        device_serial_number="1",
    )


def without_pixels(dataset: Dataset) -> Dataset:
    del dataset.PixelData
    return dataset
