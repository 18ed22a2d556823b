"""The text form of an explanation: the verdict first, then the reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

if TYPE_CHECKING:
    from rich.console import RenderableType

MAX_RULES = 40
"""Rules that are listed; those behind the one that takes the request are the least telling."""

_RESULT_STYLES = {"taken": "bold green", "shadowed": "yellow"}


def render(answer: dict[str, Any]) -> RenderableType:
    """The whole explanation."""
    parts: list[RenderableType] = [_verdict(answer)]
    tree = Tree(_request(answer.get("request") or {}))
    _add_policies(tree, answer)
    _add_action(tree, answer)
    _add_upstream(tree, answer.get("upstream"))
    parts.append(tree)
    if answer.get("targets"):
        parts.append(_targets(answer["targets"]))
    if answer.get("rules"):
        parts += _rules(answer["rules"])
    return Group(*parts)


def _verdict(answer: dict[str, Any]) -> Text:
    match answer["verdict"]:
        case "route":
            return Text.assemble("taken by route ", (str(answer["route"]), "bold green"))
        case "method_not_allowed":
            allowed = ", ".join(answer.get("allow") or [])
            return Text(f"405: the path is known, the method is not; allowed: {allowed}", "yellow")
        case "refused":
            return Text(f"refused: {answer.get('refused')}", "bold red")
    return Text("404: no route takes this request", "yellow")


def _request(request: dict[str, Any]) -> Text:
    words = " ".join(str(value) for value in request.values() if isinstance(value, str))
    return Text.assemble("request ", (words, "bold"))


def _add_policies(tree: Tree, answer: dict[str, Any]) -> None:
    if answer.get("policies"):
        tree.add(Text("policies, in order: " + ", ".join(answer["policies"])))


def _add_action(tree: Tree, answer: dict[str, Any]) -> None:
    action = answer.get("action")
    if not action:
        return
    match action.get("kind"):
        case "redirect":
            place = action.get("location", action.get("to"))
            tree.add(Text(f"answered here: {action['status']} to {place}"))
        case "respond":
            tree.add(Text(f"answered here: {action['status']} {action['content_type']}"))
        case _:
            mirror = action.get("mirror")
            if mirror:
                tree.add(Text(f"mirrored to {mirror['service']}: {mirror['percent']}%"))


def _add_upstream(tree: Tree, upstream: dict[str, Any] | None) -> None:
    if not upstream:
        return
    branch = tree.add(Text.assemble("sent upstream ", (_line(upstream), "bold")))
    for name, value in upstream.get("headers", []):
        branch.add(Text.assemble((f"{name}: ", "dim"), value))


def _line(upstream: dict[str, Any]) -> str:
    return f"{upstream['method']} {upstream['target']}"


def _targets(targets: list[dict[str, Any]]) -> Table:
    table = _table("service", "target", "weight", "share")
    for target in targets:
        share = target["share"]
        shown = f"{share:.1%}" if isinstance(share, float) else str(share)
        table.add_row(target["service"], target["url"], str(target["weight"]), shown)
    return table


def _rules(rules: list[dict[str, Any]]) -> list[RenderableType]:
    table = _table("route", "rule", "result", "reason")
    for rule in rules[:MAX_RULES]:
        result = Text(str(rule["result"]), _RESULT_STYLES.get(str(rule["result"]), "dim"))
        table.add_row(rule["route"], rule["rule"], result, rule.get("reason") or "")
    hidden = len(rules) - MAX_RULES
    if hidden <= 0:
        return [table]
    return [table, Text(f"… and {hidden:,} further rules; -o json shows all", "dim")]


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
