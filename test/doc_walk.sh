#!/usr/bin/env bash
# Runs the walk at the end of docs/scaling.md, as a newcomer would: its blocks fenced as ```sh, one after the other, in
# one shell. Prints TAP, a test for each block: it must end well, and what it prints must be its lines that start with
# "#>" (without empty lines).
#
# WORKSPACE and BINDIR are those of test/run.sh. The walk makes servers of its own; they find the staged extension by
# what `initdb` here adds to their settings. Needs PL/Proxy for this server.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

document=docs/scaling.md
work=$(mktemp -d)

# What the walk left running, had it to end early. Its directory is in TMPDIR, and so in $work.
stop_servers() {
    local pid_file
    for pid_file in "$work"/*/*/postmaster.pid; do
        [ ! -e "$pid_file" ] || pg_ctl -D "$(dirname "$pid_file")" -s -m immediate stop || true
    done
    rm -rf "$work"
}
trap stop_servers EXIT

if [ ! -e "$("$PG_CONFIG" --sharedir)/extension/plproxy.control" ]; then
    echo "1..0 # skip $document: needs PL/Proxy"
    exit 0
fi

mkdir "$work/bin"
cat >"$work/bin/initdb" <<END
#!/bin/sh
# -D DIRECTORY comes first.
"$BINDIR/initdb" --no-sync "\$@" && { cat "$WORKSPACE/extension.conf"; echo 'fsync = off'; } >>"\$2/postgresql.conf"
END
chmod +x "$work/bin/initdb"

# The blocks as one script, with a mark before each, and what each must print.
awk -v directory="$work" '
    /^## /    { walk = /^## A walk / }
    !walk     { next }
    /^```sh$/ {
        line = NR + 1; inside = 1
        print "echo @@block", line
        printf "" > (directory "/" line ".expected")
        next
    }
    /^```$/   { inside = 0; next }
    inside && /^#> / { sub(/^#> /, ""); print > (directory "/" line ".expected"); next }
    inside
' "$document" >"$work/walk.sh"

status=0
# The script that moves ranges looks each second whether rows have arrived; here more often.
MOVE_RANGE_INTERVAL=0.1 PATH=$work/bin:$BINDIR:$PATH TMPDIR=$work \
    bash -euo pipefail "$work/walk.sh" >"$work/output" 2>"$work/errors" || status=$?
awk -v directory="$work" '
    /^@@block/ { file = directory "/" $2 ".actual"; printf "" > file; next }
    NF { print > file }
' "$work/output"

number=0
last=$(sed -n 's/^@@block //p' "$work/output" | tail -n 1)
while read -r line; do
    number=$((number + 1))
    name="$number - $document, block at line $line"
    if [ ! -e "$work/$line.actual" ]; then
        echo "not ok $name: not reached"
    elif [ "$status" -ne 0 ] && [ "$line" = "$last" ]; then
        echo "not ok $name"
        sed 's/^/# /' "$work/$line.actual" "$work/errors"
    elif ! diff "$work/$line.expected" "$work/$line.actual" >"$work/diff"; then
        echo "not ok $name"
        sed 's/^/# /' "$work/diff" "$work/errors"
    else
        echo "ok $name"
    fi
done < <(sed -n 's/^echo @@block //p' "$work/walk.sh")
[ "$number" -gt 0 ] || echo "not ok 1 - $document has no walk"
echo "1..$number"
