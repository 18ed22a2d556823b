"""The vocabulary of settings: durations, sizes, addresses, names, and what Rust must judge.

Policies and the configuration models are both written in these types; that is why they live below
either.
"""
