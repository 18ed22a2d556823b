"""Commands that are imported when they run, so that `frontdesk --help` stays fast."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from typer import Context

COMMANDS: dict[str, str] = {
    "run": "Run the gateway.",
    "validate": "Check a configuration and print every mistake in it.",
    "explain": "Show which route takes a request, and why the others do not.",
    "reload": "Make a running gateway read its configuration again.",
    "status": "Show what a running gateway is doing.",
    "top": "Watch the routes of a running gateway.",
    "demo": "Run the gateway in front of three small services, with requests to try.",
    "schema": "Print the JSON Schema of the configuration, for editors.",
    "version": "Print the version.",
}
"""Every command: `x` is the function `x` of `frontdesk.cli.x`. The text is its line in the list."""


class LazyCommand(TyperCommand):
    """Stands in for a command in the list of commands; becomes it when it is called."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, help=COMMANDS[name])

    def load(self) -> Any:
        """The command itself."""
        name = str(self.name)
        function = getattr(import_module(f"frontdesk.cli.{name}"), name)
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        single.command(name, help=function.__doc__)(function)
        command = typer.main.get_command(single)
        command.context_settings["help_option_names"] = ["-h", "--help"]
        return command

    def make_context(self, *args: Any, **extra: Any) -> Context:
        """Parse the arguments by the real command's rules; the context then belongs to it."""
        context: Context = self.load().make_context(*args, **extra)
        return context


class Commands(TyperGroup):
    """The group of all commands, in the order of the list."""

    def list_commands(self, _ctx: Any) -> list[str]:
        """The names, in the order in which they help a newcomer."""
        return list(COMMANDS)

    def get_command(self, _ctx: Any, cmd_name: str) -> TyperCommand | None:
        """A command by name, not yet imported."""
        return LazyCommand(cmd_name) if cmd_name in COMMANDS else None
