"""A disk that is full for moments, where this user may mount one in memory (root)."""

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

NEW_MOUNTS = 0x20000  # CLONE_NEWNS
MEGABYTES = 4096  # at most: memory is taken by what is written only


class Disk:
    """A file system in memory at a folder. `fault` is why there is none."""

    def __init__(self, folder: Path, is_wanted: bool = True) -> None:
        self.folder = folder
        self.fillings = 0
        self.is_full = False
        folder.mkdir(parents=True, exist_ok=True)
        if not is_wanted:
            self.fault = "it was left out"
            return
        self.fault = _own_mounts() or _run(
            "mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=700", "firstday-chaos", str(folder)
        )

    def fill(self) -> None:
        """Leave no room for another page."""
        if not self.fault:
            used = shutil.disk_usage(self.folder).used
            self.is_full = not _run("mount", "-o", f"remount,size={used // 1024 + 4}k", str(self.folder))
            self.fillings += self.is_full

    def free(self) -> None:
        """Give room again."""
        if self.is_full:
            _run("mount", "-o", f"remount,size={MEGABYTES}m", str(self.folder))
            self.is_full = False

    def unmount(self, keep: bool) -> None:
        """Take the file system away; what it held stays in the folder or not."""
        if self.fault:
            return
        kept = self.folder.with_name(f"{self.folder.name}.kept")
        if keep:
            shutil.copytree(self.folder, kept, symlinks=True)
        self.fault = _run("umount", str(self.folder)) or "it was unmounted"
        if keep:
            self.folder.rmdir()
            kept.rename(self.folder)


def _own_mounts() -> str:
    """Give this process and those that it starts mounts of their own, which end with them, however they end."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_MOUNTS):
        return os.strerror(ctypes.get_errno())
    return _run("mount", "--make-rprivate", "/")


def _run(*command: str) -> str:
    """What went wrong with a command; nothing where it succeeded."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        return str(error)
    return done.stderr.strip() if done.returncode else ""
