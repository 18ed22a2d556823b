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
"""Rules that are listed; those that came near to taking the request are listed before the others."""

FAR = frozenset({"host", "path"})
"""Results of rules that are about other requests altogether."""

_RESULT_STYLES = {"taken": "bold green", "shadowed": "yellow"}


def render(answer: dict[str, Any]) -> RenderableType:
    """The whole explanation."""
    parts: list[RenderableType] = [_verdict(answer)]
    if answer.get("request"):
        tree = Tree(_request(answer["request"], answer["listener"]))
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
        case "listener":
            where = f"answered by the listener {answer['listener']}, before any route"
            return Text(where, "bold green")
        case "method_not_allowed":
            allowed = ", ".join(answer.get("allow") or [])
            return Text(f"405: the path is known, the method is not; allowed: {allowed}", "yellow")
        case "refused":
            return Text(f"refused: {answer.get('refused')}", "bold red")
    return Text("404: no route takes this request", "yellow")


def _request(request: dict[str, Any], listener: str) -> Text:
    """The request in its canonical form: what the router and every policy see."""
    query = f"?{request['query']}" if request.get("query") is not None else ""
    line = f"{request['method']} {request.get('host') or ''}{request['path']}{query}"
    return Text.assemble("request ", (line, "bold"), f" from {request['client']} over {listener}")


def _add_policies(tree: Tree, answer: dict[str, Any]) -> None:
    if answer.get("policies"):
        tree.add(Text("policies, in order: " + ", ".join(answer["policies"])))


def _add_action(tree: Tree, answer: dict[str, Any]) -> None:
    action = answer.get("action")
    if not action:
        return
    match action["kind"]:
        case "redirect":
            tree.add(Text(f"answered here: {action['status']} to {action['location']}"))
        case "respond":
            tree.add(Text(f"answered here: {action['status']}, {action['bytes']} bytes"))
        case "forward" if action.get("mirror"):
            mirror = action["mirror"]
            tree.add(Text(f"copied to {mirror['service']}: {mirror['percent']}%"))


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
        table.add_row(
            target["service"], target["url"], str(target["weight"]), f"{target['share']:.1%}"
        )
    return table


def _rules(rules: list[dict[str, Any]]) -> list[RenderableType]:
    table = _table("route", "rule", "result", "reason")
    # Stable: the order of precedence stays among those that came near, and among the rest.
    for rule in sorted(rules, key=lambda rule: rule["result"] in FAR)[:MAX_RULES]:
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
