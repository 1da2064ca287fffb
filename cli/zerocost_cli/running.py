"""Run a command: errors without a traceback, exit 2 for bad input and 1 for a failed run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from zerocost.errors import ZerocostError

__all__ = ["run_command"]

INTERRUPTED = 130


def run_command(group: click.Group, name: str) -> None:
    """Run a command group on the arguments of this process, then exit.

    ``--debug``, anywhere among the arguments, shows the traceback of an error.
    """
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    # Names like pkg.module:object are looked for in the folder where the command is typed; last,
    # so that a random.py there does not take the place of Python's own.
    sys.path.append(str(Path.cwd()))
    try:
        group.main(arguments, prog_name=name, standalone_mode=False)
    except ZerocostError as error:
        if debug:
            raise
        _say(f"{name}: {error}")
        sys.exit(2 if error.bad_input else 1)
    except click.exceptions.NoArgsIsHelpError as error:
        _say(error.format_message())
        sys.exit(2)
    except click.ClickException as error:
        if isinstance(error, click.UsageError) and error.ctx is not None:
            message = error.format_message()
            _say(f"{name}: {message}")
            if "  next: " not in message:
                _say(f"  next: {error.ctx.command_path} --help")
        else:
            _say(f"{name}: {error.format_message()}")
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        _say(f"{name}: interrupted; what is scored is kept, the same command goes on from there")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of a pipe has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        _say(f"{name}: unexpected {type(error).__name__}: {error}")
        _say("  next: the same command with --debug shows where; please report it")
        sys.exit(1)


def _say(text: str) -> None:
    click.echo(text, err=True)
