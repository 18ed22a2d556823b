"""Prometheus text format: the workers' metrics summed into one page, control's own beside them."""

from __future__ import annotations

from collections.abc import Iterable

_NOT_SUMMED = ("_info", "_timestamp_seconds")


def merge(texts: list[str]) -> str:
    """One text with equal series of several workers added up.

    Series that are facts and not amounts (`…_info`, `…_timestamp_seconds`) keep their largest value.
    """
    if len(texts) == 1:
        return texts[0]
    families: dict[str, dict[str, float]] = {}
    comments: dict[str, list[str]] = {}
    for text in texts:
        _add(text, families, comments)
    lines = []
    for family, samples in families.items():
        lines += comments.get(family, [])
        lines += [f"{series} {number(value)}" for series, value in samples.items()]
    return "\n".join([*lines, ""])


def _add(text: str, families: dict[str, dict[str, float]], comments: dict[str, list[str]]) -> None:
    family = ""
    for line in text.splitlines():
        if line.startswith("# "):
            family = line.split(" ", 3)[2]
            known = comments.setdefault(family, [])
            if line not in known:
                known.append(line)
        elif line:
            series, _, value = line.rpartition(" ")
            samples = families.setdefault(family, {})
            if series.partition("{")[0].endswith(_NOT_SUMMED):
                samples[series] = max(samples.get(series, float("-inf")), float(value))
            else:
                samples[series] = samples.get(series, 0.0) + float(value)


def number(value: float) -> str:
    """A sample value: whole numbers without a point."""
    return str(int(value)) if value == int(value) else repr(value)


def family(name: str, kind: str, text: str, samples: Iterable[tuple[dict[str, str], float]]) -> str:
    """One metric family with its HELP and TYPE lines."""
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        inner = ",".join(f'{key}="{_escape(label)}"' for key, label in labels.items())
        lines.append(f"{name}{{{inner}}} {number(value)}" if inner else f"{name} {number(value)}")
    return "\n".join([*lines, ""])


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
