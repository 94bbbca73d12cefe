"""What is installed: exact pins within the bounds, and no older than where holes were mended."""

import importlib.util
import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from experiments.guard import ROOT

# The version in which the last hole known to us was fixed, by docs/reliability.md. Bounds leave out what is
# older where the project itself may meet it; of the rest the pins are held to it.
MENDED = {
    "torch": "2.10.0", "ray": "2.55.0", "pillow": "12.3.0", "tqdm": "4.66.3", "setuptools": "83.0.0",
    "pyarrow": "23.0.1", "pytest": "9.0.3", "av": "18.0.0",
}  # fmt: skip
ALSO_MENDED = {
    "filelock": "3.20.3", "jinja2": "3.1.6", "mako": "1.3.12", "markdown-it-py": "2.2.0", "mpmath": "1.3.0",
    "networkx": "2.6", "numpy": "1.22.2", "pip": "26.2", "pygments": "2.20.0", "pyyaml": "5.4",
    "scipy": "1.10.0", "sqlalchemy": "1.3.0",
}  # fmt: skip
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
BUILD = PROJECT["build-system"]


# Not installed beside the pins: unmodified lerobot asks for an older torch (docs/remote.md).
APART = ("lerobot",)


def requirements():
    project = PROJECT["project"]
    optional = {name: lines for name, lines in project["optional-dependencies"].items() if name not in APART}
    extras = [line for lines in optional.values() for line in lines]
    return [Requirement(line) for line in [*BUILD["requires"], *project["dependencies"], *extras]]


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
        assert version in found[name]
        *head, last = Version(version).release
        older = [*head, last - 1] if last else [*head[:-1], head[-1] - 1, 9]
        assert ".".join(map(str, older)) not in found[name], name


def test_pins_are_no_older_than_where_holes_were_mended():
    pinned = pins()
    for name, version in {**MENDED, **ALSO_MENDED}.items():
        if name not in ("ray", "av"):  # extras: not pinned
            assert pinned[name] >= Version(version), name


def test_the_page_names_every_one_of_them():
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    table = [line.split("|") for line in page.splitlines() if line.startswith("|")]
    rows = {cells[1].strip().lower(): cells for cells in table if len(cells) == 6}
    for name, version in {**MENDED, **ALSO_MENDED}.items():
        assert rows[name][3].strip() == version, name
    for name, pin in pins().items():
        if name in rows:
            assert rows[name][2].strip() == str(pin), name


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
