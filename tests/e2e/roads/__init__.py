"""One exchange over every pair of protocols: clients and upstreams that are used and scripted in one way."""

from tests.e2e.roads.askers import Reply
from tests.e2e.roads.plans import Abort, Call, Close, Data, End, Head, Step, whole
from tests.e2e.roads.road import PAIRS, Road, Roads, start_roads

__all__ = [
    "PAIRS",
    "Abort",
    "Call",
    "Close",
    "Data",
    "End",
    "Head",
    "Reply",
    "Road",
    "Roads",
    "Step",
    "start_roads",
    "whole",
]
