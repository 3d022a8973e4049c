"""The flags in docs/how-to/beam.md pass Beam's own parser and the runners' own checks."""

from __future__ import annotations

import re

import pytest
from apache_beam.options.pipeline_options import PipelineOptions, SetupOptions
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.runners.runner import create_runner
from conftest import ROOT

from components.common.errors import UserError
from components.io.beam import _is_flag, empty_pipeline

PLACEHOLDERS = {
    "P": "a-project",
    "R": "europe-west4",
    "B": "bucket",
    "IMAGE": "example/glioflow:0.1.0",
    "HOST": "h",
    "PORT": "1",
}


def documented_flags():
    """Return the flags for each platform, from the table."""
    rows = re.findall(r"^\| (.+?) \| (`--runner.+?) \| .+\|$", (ROOT / "docs/how-to/beam.md").read_text(), re.MULTILINE)
    return {
        platform: [
            re.sub(r"\b([A-Z]+)\b", lambda name: PLACEHOLDERS.get(name[1], name[1]), flag)
            for flag in re.findall("`(.+?)`", flags)
        ]
        for platform, flags in rows
    }


def validation_errors(flags):
    options = PipelineOptions(flags)
    return PipelineOptionsValidator(options, create_runner(options.get_all_options()["runner"])).validate()


def test_the_table_lists_all_runners():
    runners = [flags[0].partition("=")[2] for flags in documented_flags().values()]
    assert runners == ["FnApiRunner", "FnApiRunner", "PortableRunner", "DataflowRunner", "FlinkRunner", "SparkRunner"]


@pytest.mark.parametrize("platform", documented_flags())
def test_beam_knows_the_flags_and_the_runner_accepts_them(platform):
    flags = documented_flags()[platform]
    assert [flag for flag in flags if not _is_flag(flag)] == []
    if platform != "Dataflow":  # its check asks Google about the bucket
        assert validation_errors(flags) == []


@pytest.mark.parametrize("file", ["params.yaml", "components/common/params/data.py", "docs/how-to/beam.md"])
def test_our_flags_never_make_beam_download_a_runner(file):
    """DirectRunner downloads the program Prism from GitHub."""
    assert "--runner=DirectRunner" not in (ROOT / file).read_text(encoding="utf-8")


def test_a_missing_worker_environment_is_reported():
    flags = [flag for flag in documented_flags()["a job server and its workers"] if "environment_config" not in flag]
    assert any("environment" in error for error in validation_errors([*flags, "--environment_options=x=1"]))


def test_an_unknown_flag_is_refused():
    with pytest.raises(UserError, match="Beam has no flag --flink_masters"):
        empty_pipeline([flag.replace("flink_master", "flink_masters") for flag in documented_flags()["Flink"]])


def test_the_main_session_is_not_pickled():
    """Our DoFns are importable, so workers need only the image and nothing from the caller."""
    for flags in documented_flags().values():
        assert not PipelineOptions(flags).view_as(SetupOptions).save_main_session
