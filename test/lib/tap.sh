#!/usr/bin/env bash
# Runs one TAP test, test/t/$1.pl, in the workspace; leaves $WORKSPACE/tap/$1.log and .status.
#
# PostgreSQL's own test modules, with the surroundings that PGXS gives them. EXTENSION_CONF names the
# settings that let a new node load the staged extension.
set -euo pipefail

# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
name=$1
directory=$WORKSPACE/tap/$name
mkdir -p "$directory"
pgxs=$(dirname "$("$PG_CONFIG" --pgxs)")/..
export TESTDIR=$directory TESTDATADIR=$directory/tmp_check TESTLOGDIR=$directory/tmp_check/log
export PATH=$BINDIR:$PATH PG_REGRESS=$pgxs/test/regress/pg_regress PGPORT=65432
export EXTENSION_CONF=$WORKSPACE/extension.conf
# Seconds. A start after a crash writes all files to a disk that other tests are at too.
export PGCTLTIMEOUT=600
status=0
perl -I "$(test_modules)" -I test/t/lib "test/t/$name.pl" >"$WORKSPACE/tap/$name.log" 2>&1 || status=$?
echo "$status" >"$WORKSPACE/tap/$name.status"
