"""Tables of the wire tests: data only, one named case a line, each with the rule it stands for."""
