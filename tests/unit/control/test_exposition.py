"""Adding up the metrics of several workers."""

from __future__ import annotations

from frontdesk.control.exposition import family, merge

ONE = """\
# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{route="a b",status="2xx"} 3
requests_total{route="c",status="5xx"} 1
# HELP seconds Durations.
# TYPE seconds histogram
seconds_bucket{le="0.1"} 2
seconds_bucket{le="+Inf"} 4
seconds_sum 0.5
seconds_count 4
# HELP config_info What runs.
# TYPE config_info gauge
config_info{hash="x"} 1
"""
TWO = ONE.replace('route="c"', 'route="d"').replace(" 3\n", " 5\n")


def test_one_passes_untouched() -> None:
    assert merge([ONE]) == ONE


def test_equal_series_are_added_and_others_kept() -> None:
    lines = merge([ONE, TWO]).splitlines()
    assert 'requests_total{route="a b",status="2xx"} 8' in lines
    assert 'requests_total{route="c",status="5xx"} 1' in lines
    assert 'requests_total{route="d",status="5xx"} 1' in lines
    assert 'seconds_bucket{le="+Inf"} 8' in lines
    assert "seconds_sum 1" in lines
    assert 'config_info{hash="x"} 1' in lines, "a fact is not added up"


def test_each_family_is_described_once_and_stays_together() -> None:
    lines = merge([ONE, TWO, ONE]).splitlines()
    assert len([line for line in lines if line.startswith("# TYPE")]) == 3
    places = [at for at, line in enumerate(lines) if line.startswith("requests_total")]
    assert places == list(range(places[0], places[0] + len(places)))


def test_labels_are_escaped() -> None:
    text = family("x", "gauge", "X.", [({"a": 'q"b\\n\n'}, 1.5)])
    assert text.splitlines()[2] == r'x{a="q\"b\\n\n"} 1.5'
