"""What only TensorFlow, Keras and Beam know of the parameters is asked before the first stage, and once."""

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
from pipelines import trial


def chosen(**groups):
    tree = tiny_tree()
    for group, parameters in groups.items():
        tree[group] |= parameters
    return params.parse(tree)


def asked(**groups):
    return [*trial._questions(chosen(**groups))]


def test_what_everybody_takes_costs_no_question(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert asked() == []
    for backbone in trial.BACKBONES:
        assert asked(classifier={"backbone": backbone}) == []
        trial._build("classifier")(chosen(classifier={"backbone": backbone, "image_size": 32}))
    assert asked(convert={"beam_args": ["--runner=FnApiRunner", "--direct_num_workers=8"]}) == []
    assert asked(classifier={"weights": "imagenet"}) == ["classifier"]
    assert asked(classifier={"backbone": "MobileNt"}) == ["classifier"]
    assert asked(segmenter={"backbone": "MobileNet"}) == ["segmenter"]
    assert asked(segmenter={"start": "reference"}) == ["segmenter"]
    assert asked(classifier={"start": "reference"}) == ["classifier"]
    assert asked(convert={"beam_args": ["--direct_num_workers=many"]}) == ["beam"]
    assert asked(training={"gpu": "required"}) == ["gpu"]
    monkeypatch.setenv("TF_CONFIG", "{}")
    assert asked() == ["workers"]


WRONG = {
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


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_answer_is_one_line(kind, tmp_path, monkeypatch, capsys):
    groups, says = WRONG[kind]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own" / "weights").mkdir(parents=True)
    (tmp_path / "own" / "weights" / "w.weights.h5").write_bytes(b"no weights")
    found = chosen(**groups)
    for question in trial._questions(found):
        with pytest.raises(UserError) as error:
            trial.ASK.get(question, trial._build(question))(found)
    assert str(error.value).startswith(f"params.yaml: {says}")
    assert "\n" not in str(error.value)


def test_a_start_of_another_architecture_is_one_line_with_the_values_that_fit(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(UserError) as error:
        trial.ASK.get("segmenter", trial._build("segmenter"))(chosen(segmenter={"start": "reference"}))
    said = str(error.value)
    assert said.startswith("params.yaml: segmenter.start: reference is another network: ")
    assert "backbone is MobileNet there and null here" in said
    assert "image_size is 128 there and 32 here" in said
    assert "\n" not in said


def test_another_network_to_start_from_is_asked_about_anew(tmp_path):
    shutil.copytree(ROOT / starting_network.folder_of("reference", "segmenter"), tmp_path / "start")
    params = chosen(segmenter={"start": str(tmp_path / "start")})
    before = trial._digest(params, ["segmenter"])
    assert trial._digest(params, ["segmenter"]) == before
    with (tmp_path / "start" / "network.weights.h5").open("ab") as file:
        file.write(b"more")
    assert trial._digest(params, ["segmenter"]) != before


def test_workers_that_tf_config_names_unreadably_are_told(monkeypatch):
    for text in ("{", "[]", '{"cluster": {"worker": 3}}', '{"task": {"index": "first"}}'):
        monkeypatch.setenv("TF_CONFIG", text)
        with pytest.raises(UserError, match=r"^TF_CONFIG: not readable; write "):
            trial.ASK["workers"](chosen())


def test_a_misspelt_backbone_ends_a_run_before_the_first_stage_and_is_not_written(
    tmp_path, monkeypatch, tmp_path_factory
):
    isolate(monkeypatch, tmp_path_factory)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tiny_tree()), encoding="utf-8")
    stage = {"cmd": "touch ran", "outs": ["ran"]}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"demo": stage}}), encoding="utf-8")
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    before = files(tmp_path)
    done = glioflow("run", "-S", "segmenter.backbone=Xeption", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "glioflow: params.yaml: segmenter: no backbone 'Xeption'; did you mean Xception? keras.applications lists all\n"
    )
    assert {path: text for path, text in files(tmp_path).items() if path.parts[0] != ".dvc"} == {
        path: text for path, text in before.items() if path.parts[0] != ".dvc"
    }


def test_what_has_passed_is_not_asked_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").mkdir()
    good = chosen(convert={"beam_args": ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]})
    trial.check_libraries(good)
    monkeypatch.setattr(trial, "LOOK", "print('\"asked again\"')")
    trial.check_libraries(good)
    with pytest.raises(UserError, match="asked again"):
        trial.check_libraries(chosen(convert={"beam_args": ["--runner=DirectRunner"]}), trained=False)
