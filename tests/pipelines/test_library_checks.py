"""Parameters that only TensorFlow, Keras and Beam can judge are checked before the first stage, and only once."""

from __future__ import annotations

import shutil

import pytest
import yaml
from conftest import ROOT, tiny_tree
from dvc_project import files, isolate
from in_process import glioflow

from components.common import params
from components.common.errors import UserError
from components.train import starting_network
from pipelines.checks import library_checks


def parse_params(**groups):
    tree = tiny_tree()
    for group, parameters in groups.items():
        tree[group] |= parameters
    return params.parse(tree)


def questions(**groups):
    return [*library_checks._questions(parse_params(**groups))]


def test_common_parameters_raise_no_questions(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert questions() == []
    for backbone in library_checks.BACKBONES:
        assert questions(classifier={"backbone": backbone}) == []
        library_checks._build("classifier")(parse_params(classifier={"backbone": backbone, "image_size": 32}))
    assert questions(convert={"beam_args": ["--runner=FnApiRunner", "--direct_num_workers=8"]}) == []
    assert questions(classifier={"weights": "imagenet"}) == ["classifier"]
    assert questions(classifier={"backbone": "MobileNt"}) == ["classifier"]
    assert questions(segmenter={"backbone": "MobileNet"}) == ["segmenter"]
    assert questions(segmenter={"start": "reference"}) == ["segmenter"]
    assert questions(classifier={"start": "reference"}) == ["classifier"]
    assert questions(convert={"beam_args": ["--direct_num_workers=many"]}) == ["beam"]
    assert questions(training={"gpu": "required"}) == ["gpu"]
    monkeypatch.setenv("TF_CONFIG", "{}")
    assert questions() == ["workers"]


INVALID = {
    "no backbone": (
        {"classifier": {"backbone": "MobileNt"}},
        "classifier: no backbone 'MobileNt'; did you mean MobileNet",
    ),
    "too small": ({"classifier": {"backbone": "InceptionV3"}}, "classifier: size 32 is too small: InceptionV3 takes"),
    "too deep": (
        {"segmenter": {"backbone": "MobileNet", "filters": [4] * 6, "image_size": 64}},
        "segmenter: MobileNet has no feature maps of 1 x 1 pixels; take fewer filters",
    ),
    "other weights": (
        {"classifier": {"weights": "own/weights/w.weights.h5"}},
        "classifier: own/weights/w.weights.h5: not weights of VGG16 without its top",
    ),
    "no flag": ({"convert": {"beam_args": ["--runer=FnApiRunner"]}}, "convert.beam_args: Beam has no flag --runer"),
    "no number": ({"convert": {"beam_args": ["--direct_num_workers=many"]}}, "convert.beam_args: argument --direct"),
}


@pytest.mark.parametrize("kind", INVALID)
def test_an_invalid_parameter_is_reported_in_one_line(kind, tmp_path, monkeypatch, capsys):
    groups, expected = INVALID[kind]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own" / "weights").mkdir(parents=True)
    (tmp_path / "own" / "weights" / "w.weights.h5").write_bytes(b"no weights")
    parsed = parse_params(**groups)
    for question in library_checks._questions(parsed):
        with pytest.raises(UserError) as error:
            library_checks.CHECKS.get(question, library_checks._build(question))(parsed)
    assert str(error.value).startswith(f"params.yaml: {expected}")
    assert "\n" not in str(error.value)


def test_a_start_of_another_architecture_is_reported_with_fitting_values(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(UserError) as error:
        library_checks.CHECKS.get("segmenter", library_checks._build("segmenter"))(
            parse_params(segmenter={"start": "reference"})
        )
    message = str(error.value)
    assert message.startswith("params.yaml: segmenter.start: reference is another network: ")
    assert "backbone is MobileNet there and null here" in message
    assert "image_size is 192 there and 32 here" in message
    assert "\n" not in message


def test_a_changed_starting_network_is_checked_again(tmp_path):
    shutil.copytree(ROOT / starting_network.folder_of("reference", "segmenter"), tmp_path / "start")
    params = parse_params(segmenter={"start": str(tmp_path / "start")})
    before = library_checks._digest(params, ["segmenter"])
    assert library_checks._digest(params, ["segmenter"]) == before
    with (tmp_path / "start" / "network.weights.h5").open("ab") as file:
        file.write(b"more")
    assert library_checks._digest(params, ["segmenter"]) != before


def test_an_unreadable_tf_config_is_reported(monkeypatch):
    for text in ("{", "[]", '{"cluster": {"worker": 3}}', '{"task": {"index": "first"}}'):
        monkeypatch.setenv("TF_CONFIG", text)
        with pytest.raises(UserError, match=r"^TF_CONFIG: not readable; write "):
            library_checks.CHECKS["workers"](parse_params())


def test_run_refuses_a_misspelt_backbone_before_it_changes_anything(tmp_path, monkeypatch, tmp_path_factory):
    isolate(monkeypatch, tmp_path_factory)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tiny_tree()), encoding="utf-8")
    stage = {"cmd": "touch ran", "outs": ["ran"]}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"demo": stage}}), encoding="utf-8")
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    before = files(tmp_path)
    result = glioflow("run", "-S", "segmenter.backbone=Xeption", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "glioflow: params.yaml: segmenter: no backbone 'Xeption'; did you mean Xception? keras.applications lists all\n"
    )
    assert {path: text for path, text in files(tmp_path).items() if path.parts[0] != ".dvc"} == {
        path: text for path, text in before.items() if path.parts[0] != ".dvc"
    }


def test_parameters_that_passed_are_not_checked_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").mkdir()
    accepted = parse_params(convert={"beam_args": ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]})
    library_checks.check_libraries(accepted)
    monkeypatch.setattr(library_checks, "CHECK_SCRIPT", "print('\"asked again\"')")
    library_checks.check_libraries(accepted)
    with pytest.raises(UserError, match="asked again"):
        library_checks.check_libraries(parse_params(convert={"beam_args": ["--runner=DirectRunner"]}), trained=False)
