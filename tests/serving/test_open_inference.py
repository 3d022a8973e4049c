"""The Open Inference Protocol (v2), on a real server."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layered_models import write_layered
from serve_client import serving

INFER = "/v2/models/layered/infer"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    write_layered(folder / "layered")
    with serving(folder / "layered", folder / "server.log") as started:
        yield started


@pytest.fixture(scope="module")
def slices():
    pixels = np.random.default_rng(3).integers(60, 80, (2, 40, 48, 3), dtype=np.uint8)
    pixels[1, 10:24, 12:30, 1] = 200
    return pixels


def tensor(slices, **other):
    return {
        "name": "slices",
        "datatype": "UINT8",
        "shape": list(slices.shape),
        "data": slices.ravel().tolist(),
        **other,
    }


def infer(server, *inputs, **extra):
    status, body = server.ask("POST", INFER, json.dumps({"inputs": inputs, **extra}))
    return status, json.loads(body)


def test_answers_equal_those_of_the_v1_protocol(server, slices):
    status, found = infer(server, tensor(slices), id="seven")
    assert status == 200
    assert (found["model_name"], found["id"]) == ("layered", "seven")
    arrays = {one["name"]: np.array(one["data"]).reshape(one["shape"]) for one in found["outputs"]}
    rows = server.predict(slices.tolist())[1]["predictions"]
    assert {row["has_tumor"] for row in rows} == {False, True}
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, [row[name] for row in rows])


def test_the_model_metadata_describes_its_tensors(server, slices):
    model = json.loads(server.ask("GET", "/v2/models/layered")[1])
    (given,) = model["inputs"]
    assert (given["name"], given["datatype"], given["shape"]) == ("slices", "UINT8", [-1, -1, -1, 3])
    outputs = infer(server, tensor(slices))[1]["outputs"]
    assert [(one["name"], one["datatype"]) for one in outputs] == [
        (one["name"], one["datatype"]) for one in model["outputs"]
    ]
    assert [len(one["shape"]) for one in outputs] == [len(one["shape"]) for one in model["outputs"]]
    assert server.ask("GET", "/v2/models/layered/ready")[0] == server.ask("GET", "/v2")[0] == 200


def test_only_the_requested_outputs_are_sent(server, slices):
    _, found = infer(server, tensor(slices), outputs=[{"name": "has_tumor"}])
    assert [one["name"] for one in found["outputs"]] == ["has_tumor"]
    assert found["outputs"][0]["data"] == [False, True]


SMALL = np.zeros((1, 4, 4, 3), np.uint8)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "images"}, '"slices", of datatype UINT8'),
        ({"datatype": "FP32"}, "of datatype UINT8"),
        ({"shape": [1, 4, 4]}, "[slices, height, width, 3]"),
        ({"shape": [1, 4, 4, 4]}, "[slices, height, width, 3]"),
        ({"shape": [True, 4, 4, 3]}, "[slices, height, width, 3]"),
        ({"shape": [1, 4, 5, 3]}, "as many as its shape holds"),
        ({"shape": [1, 9999, 4, 3]}, "2048 a side"),
        ({"shape": [200, 2000, 2000, 3]}, "more than"),
        ({"shape": [0, 4, 4, 3], "data": []}, "send 1 to 256"),
        ({"shape": [-1, 4, 4, 3]}, "send 1 to 256"),
        ({"data": [256] * 48}, "0 to 255"),
        ({"data": [-1] * 48}, "0 to 255"),
        ({"data": [0.5] * 48}, "whole numbers"),
        ({"data": ["7"] * 48}, "whole numbers"),
        ({"data": [True] * 48}, "whole numbers"),
    ],
)
def test_an_invalid_tensor_is_refused_with_a_reason(server, changed, message):
    status, found = infer(server, tensor(SMALL, **changed))
    assert status == 400
    assert message in found["error"]


@pytest.mark.parametrize("extra", [{"outputs": [{"name": "volume"}]}, {"outputs": []}, {"outputs": 7}, {"id": 7}])
def test_invalid_outputs_and_ids_are_refused(server, extra):
    assert infer(server, tensor(SMALL), **extra)[0] == 400


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-300, 300) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["inputs", "name", "shape", "data", "datatype", "outputs"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(json_values)
def test_any_other_json_is_refused(server, payload):
    assert server.ask("POST", INFER, json.dumps(payload))[0] == 400
