#!/bin/bash
# Says what to do where there is no cargo.
command -v cargo >/dev/null && exit 0
echo "cargo was not found; the engine is written in Rust. https://rustup.rs says how to install it." >&2
exit 1
