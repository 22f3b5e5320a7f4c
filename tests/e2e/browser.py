"""Debian's Chromium: found, or installed where that is allowed. No browser is ever downloaded from elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")
CURE = """\
The browser tests need Chromium, and there is none on this machine.
  Debian, Ubuntu:  sudo apt-get install chromium
  elsewhere:       install it as your system does, and give its path: CHROMIUM=/path/to/chromium make e2e"""


def chromium() -> str:
    """The path of the browser. Raises SystemExit with the cure where there is none."""
    given = os.environ.get("CHROMIUM")
    if given and shutil.which(given) is None:
        sys.exit(f"CHROMIUM = {given} is not a program.\n{CURE}")
    found = given or next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        sys.exit(CURE)
    return found


def install() -> None:
    """See to it that there is a browser, by apt-get when there is none and this user is root."""
    missing = not os.environ.get("CHROMIUM") and not any(shutil.which(name) for name in NAMES)
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing Chromium by apt-get …", flush=True)
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
            done = subprocess.run(["apt-get", *arguments], env=quiet, check=False)
            if done.returncode:
                sys.exit(f"`apt-get {' '.join(arguments)}` failed.\n{CURE}")
    chromium()


if __name__ == "__main__":
    install()
