"""The benchmark: the same work for Frontdesk and its peers, measured in one run.

`rows` lists what is measured, `peers` who takes part, `rounds` how samples become a result. See
`docs/benchmarks/README.md` for the conditions and what the numbers mean.
"""
