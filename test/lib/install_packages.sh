#!/usr/bin/env bash
# Installs the packages given, as root, quietly, and leaves every PostgreSQL cluster as it is: Debian's
# packages would create and start one, and start those that are stopped.
set -euo pipefail

log=$(mktemp)
created=()
trap 'rm -f "$log" "${created[@]}"' EXIT

# Debian's own switches for both: a drop-in of postgresql-common, and the policy that its init scripts ask.
mkdir -p /etc/postgresql-common/createcluster.d
no_cluster=/etc/postgresql-common/createcluster.d/session_service_tests.conf
created+=("$no_cluster")
echo "create_main_cluster = false" >"$no_cluster"
if [ ! -e /usr/sbin/policy-rc.d ]; then
    created+=(/usr/sbin/policy-rc.d)
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
fi

if ! DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$@" >"$log" 2>&1 </dev/null; then
    tail -n 40 "$log" >&2
    exit 1
fi
