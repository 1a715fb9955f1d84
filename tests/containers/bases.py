"""The images that the Dockerfile and docker-compose.yaml begin with: pulled where a registry answers, else from Debian.

Without a registry, each is made of Debian's packages (the object store of npm's), tagged as the files name it, so that
the files need no change. They stand in for the official images: their versions are Debian's, and what SeaweedFS does
with its own command stays untested.
"""

import contextlib
import re
import shutil
import subprocess
from pathlib import Path

from include.firstday.settings import REPOSITORY
from tests.containers.engine import Engine

FOLDER = Path(__file__).with_name("bases")
DEBIAN = "firstday-debian"
SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"
STORE = "s3rver@3.7.1"
LEFT_OUT = ("var/cache/apt/*", "var/lib/apt/lists/*", "usr/share/doc/*", "usr/share/man/*", "usr/share/locale/*")
BUNDLE, COPIED = Path("/etc/ssl/certs/ca-certificates.crt"), "/etc/certificates-of-the-host.crt"
USES_BUNDLE = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE")


def names() -> list[str]:
    """The images that both files name, without our own."""
    named = re.findall(r"^FROM (\S+:\S+)", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
    named += re.findall(r"^ +image: (\S+:\S+)", (REPOSITORY / "docker-compose.yaml").read_text(), re.MULTILINE)
    return list(dict.fromkeys(named))


def provide(engine: Engine) -> dict[str, str]:
    """See to it that all are there; how each was provided."""
    wanted = [name for name in names() if not engine.has_image(name)]
    answers = bool(wanted) and _pulled(engine, wanted[0])
    return {name: "pulled" if answers and _pulled(engine, name) else _made(engine, name) for name in wanted}


def _pulled(engine: Engine, name: str) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        command = ["docker", "pull", "--quiet", name]
        return subprocess.run(command, env=engine.environment, capture_output=True, timeout=300).returncode == 0
    return False


def _made(engine: Engine, name: str) -> str:
    if not engine.has_image(DEBIAN):
        _make_debian(engine)
    kind = name.split(":")[0].split("/")[-1]
    context = engine.root / "bases" / kind
    shutil.copytree(FOLDER / kind, context, dirs_exist_ok=True)
    if kind == "seaweedfs":
        install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(context), STORE]
        engine.run(install, 300)
    engine.docker("build", "--quiet", "--network=host", "--tag", name, str(context), seconds=300)
    return f"Debian's {SUITE}"


def _make_debian(engine: Engine) -> None:
    folder = engine.root / "debian"
    shutil.rmtree(folder, ignore_errors=True)  # of a start that was interrupted
    engine.run(["debootstrap", "--variant=minbase", SUITE, str(folder), MIRROR], 400)
    # This machine's way to the registries of packages: their certificates may be its own.
    changes = [f"--change=ENV {name}={COPIED}" for name in USES_BUNDLE]
    if BUNDLE.exists():
        shutil.copy(BUNDLE, f"{folder}{COPIED}")
    excluded = [f"--exclude=./{path}" for path in LEFT_OUT]
    with subprocess.Popen(["tar", *excluded, "-C", str(folder), "-c", "."], stdout=subprocess.PIPE) as archive:
        command = ["docker", "import", *(changes if BUNDLE.exists() else []), "-", DEBIAN]
        subprocess.run(command, env=engine.environment, stdin=archive.stdout, check=True, capture_output=True)
    assert archive.returncode == 0
    shutil.rmtree(folder)
