"""Prints docs/cli.md, made from the program itself: `python docs/make_cli.py > docs/cli.md`.

With `--check`, says instead whether docs/cli.md is up to date (exit code 1 if not). Commands are read from their
signatures, not from their help pages, so that neither the width of a terminal nor a theme leaves a trace.
"""

import enum
import inspect
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from types import UnionType

from typer.models import ArgumentInfo, OptionInfo

from crispnet.app import cli

PAGE = Path(__file__).with_name("cli.md")
NOTE = "<!-- Made by docs/make_cli.py from the program itself. Change the program, then run `{}`. -->"
REMAKE = "python docs/make_cli.py > docs/cli.md"


class Parameter(typing.NamedTuple):
    """An argument or an option of a command."""

    name: str
    kind: type
    default: object
    info: ArgumentInfo | OptionInfo

    @property
    def words(self) -> str:
        """What is typed: the names of an option and its value, or the word that stands for an argument."""
        if isinstance(self.info, ArgumentInfo):
            return self.info.metavar or self.name.upper()
        # In an Annotated option, typer keeps the first of the names under "default".
        given = [self.info.default] if isinstance(self.info.default, str) else []
        names = [*given, *(self.info.param_decls or ())] or [f"--{self.name.replace('_', '-')}"]
        typed = ", ".join(sorted(names, key=len))
        return typed if self.kind is bool else f"{typed} {self.info.metavar or _value(self.kind)}"

    @property
    def meaning(self) -> str:
        """What it does, with the range of a number."""
        low, high = self.info.min, self.info.max
        text = str(self.info.help)
        return text if low is None or high is None else f"{text} From {low:g} to {high:g}."

    @property
    def shown_default(self) -> str:
        """What holds where it is not given; nothing for flags and where the help says it in words."""
        silent = self.default is None or self.default is False or self.default is inspect.Parameter.empty
        return "" if silent else _code(f"{self.default:g}" if isinstance(self.default, float) else str(self.default))


def page() -> str:
    """Write the page about all commands."""
    streams_and_codes = " ".join((cli.__doc__ or "").split("\n\n")[1].split())
    commands = _commands()
    contents = [
        f"- [`crispnet {verb}`](#crispnet-{verb.replace(' ', '-')}): {_summary(command)}"
        for verb, command in commands.items()
    ]
    parts = [
        NOTE.format(REMAKE),
        "# The command line",
        f"{cli.app.info.help} Each command has a `--help` of its own; `crispnet --version` says the version.",
        streams_and_codes,
        "\n".join(contents),
        *(part for verb, command in commands.items() for part in _about(verb, command)),
    ]
    return "\n\n".join(parts) + "\n"


def _commands() -> dict[str, Callable[..., object]]:
    """List the commands by what is typed: those of the program itself, then those of its groups."""
    groups = {f"{group.name} ": group.typer_instance for group in cli.app.registered_groups}
    return {
        f"{prefix}{command.name or command.callback.__name__}": command.callback
        for prefix, program in {"": cli.app, **groups}.items()
        for command in (program.registered_commands if program else ())
        if command.callback
    }


def _about(verb: str, command: Callable[..., object]) -> list[str]:
    parameters = _parameters(command)
    arguments = [each for each in parameters if isinstance(each.info, ArgumentInfo)]
    options = [each for each in parameters if isinstance(each.info, OptionInfo)]
    needed = [each.words if each.default is inspect.Parameter.empty else f"[{each.words}]" for each in arguments]
    rows = [
        f"| {_code(each.words)} | {each.shown_default} | {_cell(each.meaning)} |" for each in (*arguments, *options)
    ]
    return [
        f"## crispnet {verb}",
        inspect.getdoc(command) or "",
        f"```text\n{' '.join(['crispnet', verb, '[OPTIONS]', *needed])}\n```",
        "\n".join(["| what is typed | default | what it does |", "|---|---|---|", *rows]),
    ]


def _parameters(command: Callable[..., object]) -> list[Parameter]:
    defaults = inspect.signature(command).parameters
    found = []
    for name, hint in typing.get_type_hints(command, include_extras=True).items():
        for annotation in getattr(hint, "__metadata__", ()):
            kinds = typing.get_args(hint.__origin__) if isinstance(hint.__origin__, UnionType) else (hint.__origin__,)
            found.append(Parameter(name, kinds[0], defaults[name].default, annotation))
    return found


def _value(kind: type) -> str:
    """Name the value of an option by its type: the choices, or PATH, INT, TEXT."""
    if issubclass(kind, enum.Enum):
        return "|".join(choice.value for choice in kind)
    return {Path: "PATH", str: "TEXT", int: "INT", float: "NUMBER"}[kind]


def _summary(command: Callable[..., object]) -> str:
    text = (inspect.getdoc(command) or "").splitlines()[0]
    return text[0].lower() + text[1:]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(text: str) -> str:
    return f"`{_cell(text)}`"


def main() -> None:
    """Print the page, or compare it with the one that is kept."""
    if sys.argv[1:] != ["--check"]:
        sys.stdout.write(page())
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
        sys.exit(f"{PAGE} is not what the program says. Run: {REMAKE}")


if __name__ == "__main__":
    main()
