"""Checks of a network before a training starts from it: every refusal is one line and names no patient."""

from __future__ import annotations

import json
import re

import pytest
from changed_params import params_with
from hypothesis import given
from hypothesis import strategies as st
from tiny_training import with_changes

from components.common.errors import UserError
from components.scans.identity import fingerprint
from components.train import settings
from components.train.same_architecture import FREE, PARAMETERS, check_architecture
from components.train.starting_network import (
    REFERENCE_WEIGHTS,
    Start,
    folder_of,
    known_validation,
    read_start,
    refuse_tested,
)

NETWORKS = ("classifier", "segmenter")
PEOPLE = [fingerprint(name) for name in ("P1", "P2")]
FINGERPRINTS = st.frozensets(st.integers(0, 30).map(lambda number: fingerprint(f"P{number}")))
RECORD = {"network": "segmenter", "arguments": {"filters": [2, 2]}, "made_from": {"people": PEOPLE}}


@pytest.fixture
def folder(tmp_path):
    """The files of a trained network, as far as they are read without Keras."""
    (tmp_path / "network.json").write_text(json.dumps(RECORD), encoding="utf-8")
    (tmp_path / "network.weights.h5").write_bytes(b"weights")
    return tmp_path


def params_starting_from(folder):
    return params_with(segmenter__start=str(folder))


def make_start(fingerprints=PEOPLE, arguments=None, name="reference"):
    return Start(name, REFERENCE_WEIGHTS / "segmenter", arguments or {}, frozenset(fingerprints), "", (name,))


def refusal(action, *arguments):
    with pytest.raises(UserError) as error:
        action(*arguments)
    message = str(error.value)
    assert "\n" not in message
    assert not any(f"P{number}" in message or fingerprint(f"P{number}") in message for number in range(31))
    return message


def test_without_a_start_nothing_is_read():
    assert [read_start(params_with(), network) for network in NETWORKS] == [None, None]


def test_reference_stands_for_the_projects_own_networks():
    assert [folder_of("reference", network) for network in NETWORKS] == [REFERENCE_WEIGHTS / one for one in NETWORKS]
    assert folder_of("own/weights/before", "segmenter").as_posix() == "own/weights/before"


def test_the_digest_depends_on_both_files_of_a_network(folder):
    found = read_start(params_starting_from(folder), "segmenter")
    assert found.fingerprints == frozenset(PEOPLE)
    assert found.lineage == (str(folder),)
    (folder / "network.weights.h5").write_bytes(b"others")
    other = read_start(params_starting_from(folder), "segmenter")
    (folder / "network.json").write_text(json.dumps(RECORD, indent=2), encoding="utf-8")
    assert len({found.digest, other.digest, read_start(params_starting_from(folder), "segmenter").digest}) == 3


def test_a_copy_is_read_instead_of_the_named_folder(folder):
    params = params_with(segmenter__start="own/weights/not-here")
    assert read_start(params, "segmenter", folder).name == "own/weights/not-here"


def test_the_lineage_includes_what_the_start_started_from(folder):
    made_from = RECORD["made_from"] | {"started_from": ["own/weights/first", "reference"]}
    (folder / "network.json").write_text(json.dumps(RECORD | {"made_from": made_from}), encoding="utf-8")
    assert read_start(params_starting_from(folder), "segmenter").lineage == (
        str(folder),
        "own/weights/first",
        "reference",
    )


@pytest.mark.parametrize("file", ["network.json", "network.weights.h5"])
def test_a_missing_file_is_reported_with_its_remedy(folder, file):
    (folder / file).unlink()
    assert refusal(read_start, params_starting_from(folder), "segmenter") == (
        f"params.yaml: segmenter.start: {folder}: no {file} there; copy artifacts/segmenter of the run that trained it"
    )


def test_a_folder_not_fetched_by_dvc_is_reported_with_its_remedy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own" / "weights").mkdir(parents=True)
    (tmp_path / "own" / "weights" / "before.dvc").touch()
    message = refusal(read_start, params_with(classifier__start="own/weights/before/classifier"), "classifier")
    assert message == (
        "params.yaml: classifier.start: own/weights/before/classifier: no network.json and no network.weights.h5 "
        "there; `dvc pull own/weights/before.dvc` fetches it"
    )


def test_missing_reference_networks_are_reported_with_their_remedy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = refusal(read_start, params_with(segmenter__start="reference"), "segmenter")
    assert message == (
        "params.yaml: segmenter.start: reference: no network.json and no network.weights.h5 there; restore it with "
        "`git checkout -- benchmarks/quality/reference/segmenter`, which only a checkout of the project has"
    )


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "1", "[" * 9999, '"text"', "{}", '{"network": "segmenter"}', "\ufeff{", "[[[",
        '{"network": "segmenter", "arguments": {}, "made_from": []}',
        '{"network": "segmenter", "arguments": 3, "made_from": {"people": ["a"]}}',
        '{"network": "segmenter", "arguments": {}, "made_from": {"people": 7}}',
    ],
)  # fmt: skip
def test_a_damaged_record_is_reported_in_one_line(folder, text):
    (folder / "network.json").write_text(text, encoding="utf-8")
    message = refusal(read_start, params_starting_from(folder), "segmenter")
    assert message == f"params.yaml: segmenter.start: {folder}: its network.json is damaged; copy the folder again"


def test_a_network_of_the_other_kind_is_refused(folder):
    message = refusal(read_start, params_with(classifier__start=str(folder)), "classifier")
    assert message.endswith("holds a segmenter; name a folder with a classifier")


@pytest.mark.parametrize("made_from", [{}, {"people": []}, {"people": None}])
def test_a_network_without_a_record_of_its_patients_is_refused(folder, made_from):
    (folder / "network.json").write_text(json.dumps(RECORD | {"made_from": made_from}), encoding="utf-8")
    message = refusal(read_start, params_starting_from(folder), "segmenter")
    assert (
        "does not record whom it was trained on, so no later check could find a leak; start from a network" in message
    )


OTHER_VALUES = {
    "name": "ResNet50", "backbone": "MobileNet", "size": 64, "pooling": "max", "neighbors": 1, "normalization": "slice",
    "filters": [4, 4], "norm": "instance", "head": "softmax", "upsampling": "nearest", "weights": "imagenet", "seed": 7,
    "strategy": "frozen", "dropout": 0.7,
}  # fmt: skip


@pytest.mark.parametrize("network", NETWORKS)
def test_only_arguments_that_shape_a_network_must_be_equal(network):
    arguments = settings.network_arguments(params_with(), network)
    check_architecture(make_start(arguments=arguments), network, arguments)
    for name, value in arguments.items():
        other = OTHER_VALUES[name] if value != OTHER_VALUES[name] else "unit"
        found = make_start(arguments=arguments | {name: other})
        if name in FREE:
            check_architecture(found, network, arguments)
            continue
        message, parameter = refusal(check_architecture, found, network, arguments), PARAMETERS.get(name, name)
        assert message.startswith(f"params.yaml: {network}.start: reference is another network: {parameter} is ")
        assert f" -S {network}.{parameter}=" in message


@pytest.mark.parametrize("network", NETWORKS)
def test_the_values_in_the_message_make_the_network_fit(network):
    """Typed as they are in the message, they turn the parameters into those of the start."""
    from pipelines.editing.assignments import read_value

    wanted = {"classifier": {"neighbors": 2, "pooling": "max"}, "segmenter": {"filters": [4, 8], "backbone": None}}
    params = with_changes(params_with(), "segmenter", backbone="MobileNet", filters=[4, 4])
    start_arguments = settings.network_arguments(with_changes(params, network, **wanted[network]), network)
    message = refusal(
        check_architecture, make_start(arguments=start_arguments), network, settings.network_arguments(params, network)
    )
    typed = dict(re.findall(rf"-S {network}\.(\w+)=(\S+?)(?=,? )", message))
    values = {parameter: read_value(f"{network}.{parameter}", text) for parameter, text in typed.items()}
    assert values == wanted[network]


def test_a_backbone_that_only_one_network_has_is_named():
    params = params_with(segmenter__backbone="MobileNet", segmenter__filters=[4, 8, 16, 32])
    message = refusal(
        check_architecture,
        make_start(arguments=settings.network_arguments(params_with(), "segmenter")),
        "segmenter",
        settings.network_arguments(params, "segmenter"),
    )
    assert "backbone is null there and MobileNet here" in message
    assert "weights" not in message


@given(known=FINGERPRINTS, tested=FINGERPRINTS)
def test_test_patients_known_to_the_start_are_refused_by_number_only(known, tested):
    overlap = len(known & tested)
    if not overlap:
        refuse_tested(make_start(known), "segmenter", tested)
        return
    message = refusal(refuse_tested, make_start(known), "segmenter", sorted(tested))
    assert f"reference was trained or chosen on {overlap} of the {len(tested)} test patients" in message


@given(known=FINGERPRINTS, validated=FINGERPRINTS)
def test_validation_patients_known_to_the_start_are_counted(known, validated):
    assert known_validation(make_start(known), "segmenter", validated) == len(known & validated)


def test_validation_patients_known_to_the_start_are_reported(capsys):
    known_validation(make_start(), "segmenter", [*PEOPLE, fingerprint("P3")])
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("segmenter: reference was trained or chosen on 2 of the 3 validation patients: ")
    known_validation(make_start(), "segmenter", [fingerprint("P3")])
    assert capsys.readouterr().out == ""
