"""A Docker engine of the tests' own: Debian's dockerd, with its own folders and socket, beside any other.

It has no bridge of its own, no iptables rules and no forwarding: published ports are on loopback by Docker's proxy, and
containers reach each other on the bridge of their Compose project alone, which goes with it. So nothing is left in this
machine's network, and nothing in a container reaches another machine.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import psutil

from include.firstday.stack import processes

START_SECONDS = 60
STOP_SECONDS = 90
NEEDED = {"dockerd": "docker.io", "docker": "docker.io", "debootstrap": "debootstrap", "npm": "npm"}
OWN = {"dockerd", "containerd", "containerd-shim-runc-v2"}
LIBRARY = Path("/usr/sbin")  # where Debian has what only root runs


def missing() -> str:
    """Why no container can run here; empty where one can."""
    if os.geteuid() != 0:
        return "containers need root"
    if not sys.platform.startswith("linux"):
        return "containers need Linux"
    packages = sorted({package for name, package in NEEDED.items() if _program(name) is None})
    if compose_command() is None:
        packages.append("docker-compose")
    if packages:
        return f"containers need Debian's packages: apt-get install {' '.join(packages)}"
    if _forwards_nothing():
        return "this machine's firewall drops forwarded packets, also on other bridges: another Docker engine sets that"
    return ""


def compose_command() -> list[str] | None:
    """Docker Compose, as plugin of `docker` or as a program of its own; None where there is none."""
    docker = _program("docker")
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        if docker:
            subprocess.run([docker, "compose", "version"], check=True, capture_output=True, timeout=30)
            return [docker, "compose"]
    program = _program("docker-compose")
    return [program] if program else None


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{LIBRARY}")


def _forwards_nothing() -> bool:
    """Whether packets between the ports of a bridge are dropped, as by the rules of an engine that is there."""
    iptables = _program("iptables")
    if iptables is None:
        return False
    ran = subprocess.run([iptables, "--list-rules", "FORWARD"], capture_output=True, text=True, timeout=30)
    return ran.stdout.startswith("-P FORWARD DROP")


class Engine:
    """One dockerd, from its start to the removal of all that it left."""

    def __init__(self, root: Path, keeps_images: bool) -> None:
        self.root, self._keeps_images = root, keeps_images
        self.socket = root / "docker.sock"
        # Settings, logins and contexts of this user's own do not count here.
        self.environment = os.environ | {"DOCKER_HOST": f"unix://{self.socket}", "DOCKER_CONFIG": str(root / "client")}
        self.environment["PATH"] = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{LIBRARY}"
        for name in ("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
            self.environment.pop(name, None)

    def __enter__(self) -> Self:
        (self.root / "client").mkdir(parents=True, exist_ok=True)
        (self.root / "daemon.json").write_text("{}\n")  # not /etc/docker/daemon.json
        with (self.root / "dockerd.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: processes.die_with_parent(signal.SIGTERM),
            )
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        processes.end(self._left())
        self._unmount()
        self._remove_bridges()
        if not self._keeps_images:
            shutil.rmtree(self.root, ignore_errors=True)

    def _command(self) -> list[str]:
        folders = ["--data-root", f"{self.root}/data", "--exec-root", f"{self.root}/run"]
        own = ["--config-file", f"{self.root}/daemon.json", "--pidfile", f"{self.root}/docker.pid"]
        names = ["--containerd-namespace", "firstday", "--containerd-plugins-namespace", "firstday-plugins"]
        network = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"]
        return ["dockerd", "--host", f"unix://{self.socket}", "--log-level=warn", *folders, *own, *names, *network]

    def _wait(self) -> None:
        give_up = time.monotonic() + START_SECONDS
        while subprocess.run(["docker", "version"], env=self.environment, capture_output=True).returncode:
            log = (self.root / "dockerd.log").read_text()[-3000:]
            assert self._process.poll() is None, f"dockerd has ended:\n{log}"
            assert time.monotonic() < give_up, f"dockerd does not answer:\n{log}"
            time.sleep(0.3)

    def _left(self) -> list[psutil.Process]:
        """Processes of this engine that outlived it: containerd, the containers' shims."""
        return [each for each in psutil.process_iter() if _program_of(each, str(self.root)) in OWN]

    def _unmount(self) -> None:
        mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for folder in sorted((each for each in mounted if each.startswith(f"{self.root}/")), reverse=True):
            subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)

    def _remove_bridges(self) -> None:
        """Bridges of projects that were not taken down: of the addresses that only this engine gives."""
        for bridge in Path("/sys/class/net").glob("br-*"):
            if bridge.name in self._own_bridges():
                subprocess.run(["ip", "link", "delete", bridge.name], check=False, capture_output=True)

    def _own_bridges(self) -> set[str]:
        database = self.root / "data" / "network" / "files" / "local-kv.db"
        content = database.read_bytes() if database.exists() else b""
        return {each.name for each in Path("/sys/class/net").glob("br-*") if each.name[3:].encode() in content}

    def docker(self, *arguments: str, seconds: float = 120, **more: str) -> str:
        """What a `docker` command prints; its errors are the test's."""
        return self.run(["docker", *arguments], seconds, environment=more)

    def run(
        self,
        command: list[str],
        seconds: float,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """What a command with this engine prints."""
        ran = subprocess.run(
            command,
            env=self.environment | dict(environment or {}),
            cwd=folder or self.root,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        assert ran.returncode == 0, f"{' '.join(command)}:\n{ran.stdout[-6000:]}{ran.stderr[-6000:]}"
        return ran.stdout

    def has_image(self, name: str) -> bool:
        """Whether an image of this name is there."""
        return bool(self.docker("image", "ls", "--quiet", name).strip())


def _program_of(process: psutil.Process, folder: str) -> str:
    """The program of a process that this folder's engine has started; empty of any other."""
    with contextlib.suppress(psutil.Error):
        program, *arguments = process.cmdline() or [""]
        return Path(program).name if folder in " ".join(arguments) else ""
    return ""
