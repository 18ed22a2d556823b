"""Routes: rules, policies in the order they run, and one action."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frontdesk.compiler.policies import effective
from frontdesk.config.models.matches import ANY
from frontdesk.snapshot import model

if TYPE_CHECKING:
    from frontdesk.config.models.matches import Match
    from frontdesk.config.models.root import Config
    from frontdesk.config.models.routes import Route
    from frontdesk.config.models.websocket import WebSocket


def compile_route(name: str, route: Route, config: Config) -> model.Route:
    """One route."""
    return model.Route(
        name=name,
        priority=route.priority,
        matches=[compile_match(match) for match in route.match],
        action=compile_action(route),
        policies=effective(route, config),
        max_body_bytes=compile_max_body(route),
        grpc_web=route.grpc_web,
        upgrades=list(dict.fromkeys(route.upgrades)),
        websocket=compile_websocket(route.websocket) if route.websocket else None,
    )


def compile_websocket(rules: WebSocket) -> model.WebSocket:
    """Rules of upgraded connections; "off" is 0."""
    return model.WebSocket(
        origins=rules.origins,
        idle_ms=rules.idle,
        ping_ms=rules.ping,
        max_message_bytes=rules.max_message,
    )


def compile_max_body(route: Route) -> int:
    """The limit of a request's body.

    gRPC streams have none unless the route says so: a stream has no length, and both ends bound each
    message by themselves.
    """
    is_grpc = all(match.grpc is not None for match in route.match)
    return 0 if is_grpc and "max_body" not in route.model_fields_set else route.max_body


def compile_match(match: Match) -> model.Match:
    """One set of rules."""
    path = match.path_rule()
    return model.Match(
        host=match.host,
        path=model.PathRule(kind=model.PathKind(path.kind), value=path.value) if path else None,
        methods=["POST"] if match.grpc else match.methods or [],
        headers=field_rules(match.headers),
        query=field_rules(match.query),
    )


def field_rules(rules: dict[str, str]) -> list[model.FieldRule]:
    """Rules for header fields or query parameters; `*` is any value."""
    return [
        model.FieldRule(name=name, value=None if value == ANY else value)
        for name, value in rules.items()
    ]


def compile_action(route: Route) -> model.Action:
    """What is done with the request."""
    if route.redirect is not None:
        return model.Redirect(kind="redirect", to=route.redirect.to, status=route.redirect.status)
    if route.respond is not None:
        answer = route.respond
        return model.Respond(
            kind="respond",
            status=answer.status,
            body=answer.body,
            content_type=answer.content_type,
        )
    mirror = route.mirror
    return model.Forward(
        kind="forward",
        split=[
            model.Share(service=service, weight=weight)
            for service, weight in (route.service or {}).items()
        ],
        strip_prefix=route.strip_prefix or "",
        rewrite_path=route.rewrite.path if route.rewrite else None,
        mirror=model.Mirror(service=mirror.service, percent=mirror.percent) if mirror else None,
    )
