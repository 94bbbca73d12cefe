"""What is installed: exact pins within the bounds, and no older than where holes were mended."""

import importlib.util
import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from experiments.guard import ROOT

# The version in which a hole was fixed, see pyproject.toml.
MENDED = {"torch": "2.10", "ray": "2.54"}


def requirements():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    return [Requirement(line) for line in [*project["dependencies"], *extras]]


def pins():
    lines = [
        line for line in (ROOT / "constraints.txt").read_text().splitlines() if line[:1] not in ("#", "")
    ]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    return {name.lower().replace("_", "-"): Version(version) for name, _, version in
            (line.partition("==") for line in lines)}  # fmt: skip


def test_bounds_leave_out_what_has_a_known_hole():
    found = {r.name: r.specifier for r in requirements()}
    for name, version in MENDED.items():
        assert version in found[name] or f"{version}.0" in found[name]
        major, minor = version.split(".")
        assert f"{major}.{int(minor) - 1}.9" not in found[name]


def test_pins_are_within_the_bounds():
    pinned = pins()
    for requirement in requirements():
        name = requirement.name.lower().replace("_", "-")
        if name in pinned:
            assert pinned[name] in requirement.specifier
    assert {"torch", "numpy", "gymnasium", "pybullet", "safetensors", "pyyaml"} <= pinned.keys()


def test_hashes_are_those_of_the_report():
    spec = importlib.util.spec_from_file_location("hashes", ROOT / "tools" / "hashes.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)

    def item(name, info):
        return {"metadata": {"name": name, "version": "1.0"}, "download_info": info}

    good = {"archive_info": {"hashes": {"sha256": "ab" * 32}}}
    report = {"install": [item("b", good), item("A", good), item("monozukuri", {})]}
    assert tool.lines(report) == [f"A==1.0 --hash=sha256:{'ab' * 32}", f"b==1.0 --hash=sha256:{'ab' * 32}"]
    with pytest.raises(ValueError, match=r"c 1\.0: no SHA-256"):
        tool.lines({"install": [item("c", {"dir_info": {}})]})
