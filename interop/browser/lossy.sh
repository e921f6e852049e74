#!/usr/bin/env bash
# Runs a command on a path that loses packets: in a network namespace of its own, in which every datagram of UDP that arrives is
# dropped by chance.
#
#   lossy.sh PERCENT COMMAND...
#
# Where no namespace can be made it says so and exits with 0.
set -euo pipefail
percent=$1
shift
if ! unshare --net true 2>/dev/null; then
  echo "skipped: no network namespace can be made here"
  exit 0
fi
# Beside the loopback interface there is an address as of a network card, and a way to everywhere, since calls look for them.
exec unshare --net bash -euo pipefail -c '
  ip link set lo up
  ip link add card type veth peer name other
  ip address add 198.18.0.1/24 dev card
  ip link set card up
  ip link set other up
  ip route add default dev card
  nft add table inet loss
  nft add chain inet loss arriving "{ type filter hook input priority 0; }"
  nft add rule inet loss arriving meta l4proto udp numgen random mod 100 "<" "$0" counter drop
  exec "$@"' "$percent" "$@"
