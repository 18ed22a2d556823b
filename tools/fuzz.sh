#!/bin/sh
# Fuzzes every target for SECONDS each (default 10): tools/fuzz.sh [SECONDS] [TARGET…]
#
# Works with the stable toolchain: libFuzzer only needs the coverage pass, which rustc offers as plain
# codegen options, so neither nightly nor cargo-fuzz has to be installed. Memory errors that a sanitizer
# would show are left to `cargo +nightly fuzz run TARGET`, which understands the same folder.
#
# New inputs go to fuzz/corpus/TARGET (not committed), a crash to fuzz/artifacts/TARGET; the exit code
# is 1 when a target crashed.
set -eu
cd "$(dirname "$0")/.."

seconds="${1:-10}"
[ $# -gt 0 ] && shift
targets="${*:-request_head response_head chunked canonical_path snapshot websocket}"
host="$(rustc -vV | sed -n 's/^host: //p')"
target_dir="${CARGO_TARGET_DIR:-fuzz/target}"

coverage="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1"
for option in level=4 inline-8bit-counters pc-table trace-compares; do
  coverage="$coverage -Cllvm-args=-sanitizer-coverage-$option"
done

echo "fuzz: building $targets"
RUSTFLAGS="$coverage" CARGO_TARGET_DIR="$target_dir" \
  cargo build --quiet --release --target "$host" --manifest-path fuzz/Cargo.toml

failed=""
for target in $targets; do
  corpus="fuzz/corpus/$target"
  artifacts="fuzz/artifacts/$target"
  seeds="fuzz/seeds/$target"
  # The golden snapshots carry the schema hash of today, so they are the best seeds there are.
  [ "$target" = snapshot ] && seeds="tests/golden"
  mkdir -p "$corpus" "$artifacts"
  echo "fuzz: $target for $seconds s"
  log="$artifacts/last.log"
  if "$target_dir/$host/release/$target" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 \
    -artifact_prefix="$artifacts/" "$corpus" "$seeds" >"$log" 2>&1; then
    sed -n 's/^Done /fuzz:   done, /p' "$log"
  else
    tail -n 40 "$log"
    failed="$failed $target"
  fi
done

if [ -n "$failed" ]; then
  echo "fuzz: FAILED:$failed (inputs in fuzz/artifacts)" >&2
  exit 1
fi
