"""The bill of materials of an image (CycloneDX): `sbom.py ENVIRONMENT DEBIAN OUT`, DEBIAN by `dpkg-query --show`."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote


def of_python(environment):
    """What the environment holds, by cyclonedx-py, which is installed beside this Python's uv."""
    command = ["/opt/tools/bin/cyclonedx-py", "environment", "--output-reproducible", "--output-format", "JSON"]
    made = subprocess.run([*command, "{}/bin/python".format(environment)], stdout=subprocess.PIPE, check=True)
    return json.loads(made.stdout)


def of_debian(listed):
    """Debian's packages as components."""
    for line in listed.splitlines():
        name, version = line.split("\t")
        address = "pkg:deb/debian/{}@{}".format(name.partition(":")[0], quote(version))
        yield {"type": "library", "name": name, "version": version, "purl": address, "bom-ref": address}


def main():
    """Write both as one document."""
    environment, debian, out = map(Path, sys.argv[1:])
    bill = of_python(environment)
    bill["components"] += of_debian(debian.read_text())
    out.write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
