"""docs/reference/cli.md, from the commands themselves."""

from __future__ import annotations

import inspect
from typing import Any

from frontdesk.cli.lazy import COMMANDS, LazyCommand
from reference.markdown import page, table

INTRODUCTION = """\
Exit codes: 0 ok, 1 failed, 2 differs, 64 wrong usage. Answers go to stdout, errors to stderr.
`-o json` answers for machines where a command has it. `NO_COLOR` is respected.
`frontdesk --install-completion` sets up completion for your shell."""


def cli_page() -> str:
    """Every command with its arguments and options."""
    parts = [INTRODUCTION]
    for name in COMMANDS:
        parts += _command(name)
    return page("Command line", parts)


def _command(name: str) -> list[str]:
    command = LazyCommand(name).load()
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    usage = " ".join(["frontdesk", name, *(_usage(argument) for argument in arguments)])
    parts = [f"## {name}", f"`{usage}{' [options]' if options else ''}`"]
    parts.append(inspect.cleandoc(command.help or ""))
    rows = [[f"`{_usage(p)}`", _help(p)] for p in arguments]
    rows += [[", ".join(f"`{text}`" for text in p.opts), _help(p)] for p in options]
    if rows:
        parts.append(table(["argument or option", "meaning"], rows))
    return parts


def _usage(argument: Any) -> str:
    name = argument.name.upper()
    return name if argument.required else f"[{name}]"


def _help(parameter: Any) -> str:
    text = parameter.help or ""
    default = parameter.default
    if parameter.required or default is None or default is False or callable(default):
        return text
    return f"{text} Default: `{getattr(default, 'value', default)}`."
