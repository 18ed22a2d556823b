#!/bin/bash
# Installs the servers and tools that tests and the benchmark use beside the gateway, if they are missing.
# It never fails: what needs a peer that is not there says so and is left out.
set -u

declare -A package_of=(
  [nginx]=nginx [haproxy]=haproxy [wrk]=wrk [curl]=curl [taskset]=util-linux [valgrind]=valgrind
  [nghttp]=nghttp2-client [h2load]=nghttp2-client
)
PATH="$PATH:/usr/sbin:/usr/local/sbin"

missing=()
for program in "${!package_of[@]}"; do
  command -v "$program" >/dev/null || missing+=("${package_of[$program]}")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "==> not installed, and left out of tests and benchmark: ${missing[*]}"
  echo "    on Debian or Ubuntu: sudo apt-get install ${missing[*]}"
  exit 0
fi

echo "==> installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# A server's package starts it at once; only its program is wanted.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" ||
  echo "==> that failed; tests and benchmark go on without them"
exit 0
