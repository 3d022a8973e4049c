"""The flags that docs/how-to/beam.md gives for clusters, by Beam's own parsing and by the runners' own checks."""

from __future__ import annotations

import re

import pytest
from apache_beam.options.pipeline_options import PipelineOptions, SetupOptions
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.runners.runner import create_runner
from conftest import ROOT

from components.common.errors import UserError
from components.io.beam import _is_flag, job

WHERE = {
    "P": "a-project",
    "R": "europe-west4",
    "B": "bucket",
    "IMAGE": "example/glioflow:0.1.0",
    "HOST": "h",
    "PORT": "1",
}


def documented():
    """Place to flags, from the table."""
    rows = re.findall(r"^\| (.+?) \| (`--runner.+?) \| .+\|$", (ROOT / "docs/how-to/beam.md").read_text(), re.MULTILINE)
    return {
        place: [
            re.sub(r"\b([A-Z]+)\b", lambda name: WHERE.get(name[1], name[1]), flag)
            for flag in re.findall("`(.+?)`", flags)
        ]
        for place, flags in rows
    }


def complaints(flags):
    options = PipelineOptions(flags)
    return PipelineOptionsValidator(options, create_runner(options.get_all_options()["runner"])).validate()


def test_the_table_has_all_runners():
    runners = [flags[0].partition("=")[2] for flags in documented().values()]
    assert runners == ["FnApiRunner", "FnApiRunner", "PortableRunner", "DataflowRunner", "FlinkRunner", "SparkRunner"]


@pytest.mark.parametrize("place", documented())
def test_beam_knows_the_flags_and_the_runner_is_content(place):
    flags = documented()[place]
    assert [flag for flag in flags if not _is_flag(flag)] == []
    if place != "Dataflow":  # whose check asks Google about the bucket
        assert complaints(flags) == []


@pytest.mark.parametrize("file", ["params.yaml", "components/common/params/data.py", "docs/how-to/beam.md"])
def test_no_flag_of_ours_lets_beam_download_a_runner(file):
    """DirectRunner fetches Prism, a program, from GitHub."""
    assert "--runner=DirectRunner" not in (ROOT / file).read_text(encoding="utf-8")


def test_a_runner_would_miss_what_it_needs():
    flags = [flag for flag in documented()["a job server and its workers"] if "environment_config" not in flag]
    assert any("environment" in complaint for complaint in complaints([*flags, "--environment_options=x=1"]))


def test_a_flag_that_is_none_is_refused():
    with pytest.raises(UserError, match="Beam has no flag --flink_masters"):
        job([flag.replace("flink_master", "flink_masters") for flag in documented()["Flink"]])


def test_the_main_session_is_not_pickled():
    """Our DoFns are importable, so workers need the image and nothing of the caller's."""
    for flags in documented().values():
        assert not PipelineOptions(flags).view_as(SetupOptions).save_main_session
