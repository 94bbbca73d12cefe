"""Turns a report of `pip install --dry-run --report` into requirements with hashes; see `make hashes`."""

import json
import sys


def lines(report: dict) -> list[str]:
    """Return a line for each distribution that pip would install, our own left out.

    Raises:
        ValueError: for one whose archive has no SHA-256.
    """
    found = []
    for item in report["install"]:
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        if name == "monozukuri":
            continue
        digest = item["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
        if not digest:
            raise ValueError(f"{name} {version}: no SHA-256 is known")
        found.append(f"{name}=={version} --hash=sha256:{digest}")
    return sorted(found, key=str.lower)


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines(json.load(sys.stdin))) + "\n")
