"""The user's own training run as a function: a command that is given an architecture."""

from __future__ import annotations

import math
import shlex
import subprocess
from collections.abc import Callable

from nasproxy.errors import NasproxyError

__all__ = ["PLACE", "training_command"]

PLACE = "{arch}"
_SHOWN = 20


def training_command(command: str) -> Callable[[str], float]:
    """Text of an architecture -> the number that the command prints last.

    The command is split as a POSIX shell would split it, and no shell runs it: an architecture's
    text may hold ``|`` and quotes. Its last line of standard output that is not blank is the
    number; what is printed before is the user's own.

    Args:
        command: such as ``python train.py --arch {arch} --epochs 12``.

    Raises:
        NasproxyError: the command is empty, cannot be split, or has no ``{arch}``; and when it is
            called: it cannot be started, ends with another exit code than 0 (with what it wrote
            to standard error), or prints no finite number.
    """
    try:
        words = shlex.split(command)
    except ValueError as cause:
        raise NasproxyError(f"the command {command!r} cannot be split: {cause}") from cause
    if not any(PLACE in word for word in words):
        raise NasproxyError(
            f"the command {command!r} has no {PLACE}",
            accepted=f"a command with {PLACE} where the architecture's text is to stand",
            hint="--evaluate 'python train.py {arch}'",
        )

    def train(architecture: str) -> float:
        run = [word.replace(PLACE, architecture) for word in words]
        try:
            # In the user's own folder and environment, which is what the command is written for.
            done = subprocess.run(
                run, capture_output=True, text=True, errors="replace", check=False
            )
        except OSError as cause:
            raise NasproxyError(
                f"{words[0]!r} cannot be started: {cause.strerror}",
                accepted="a program on the path",
                bad_input=False,
            ) from cause
        if done.returncode:
            raise _failed(architecture, f"ended with exit code {done.returncode}", done.stderr)
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        if not lines:
            raise _failed(architecture, "printed nothing", done.stderr)
        try:
            value = float(lines[-1])
        except ValueError:
            raise _failed(architecture, f"printed {lines[-1]!r} last", done.stderr) from None
        if not math.isfinite(value):
            raise _failed(architecture, f"printed {lines[-1]!r}, which orders nothing", done.stderr)
        return value

    return train


def _failed(architecture: str, what: str, stderr: str) -> NasproxyError:
    tail = stderr.strip().splitlines()[-_SHOWN:]
    said = "\n    ".join(["", *tail]) if tail else " nothing"
    return NasproxyError(
        f"training {architecture} {what}; it wrote to standard error:{said}",
        accepted="exit code 0, and one number on the last line of standard output",
        hint="nothing that was bought is lost: mend the command and run the search again",
        bad_input=False,
    )
