"""How the person who called us can call us again."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from fairlead_cli.home import HOME_VARIABLE

NAME = "fairlead"


def own_command() -> str:
    """Return what to type for this very command from here, with its state folder if that is not the default."""
    home = os.environ.get(HOME_VARIABLE)
    prefix = f"{HOME_VARIABLE}={shlex.quote(home)} " if home else ""
    return prefix + _program(Path(sys.argv[0]))


def _program(called: Path) -> str:
    if called.name != NAME:
        return f"{shlex.quote(_relative(Path(sys.executable)))} -m fairlead_cli"
    found = shutil.which(NAME)
    if found and called.exists() and Path(found).samefile(called):
        return NAME
    return shlex.quote(_relative(called))


def _relative(program: Path) -> str:
    """Return a program below the current folder by its short path, and any other by its whole one."""
    absolute = program.absolute()
    try:
        return str(absolute.relative_to(Path.cwd()))
    except ValueError:
        return str(absolute)
