#!/usr/bin/env bash
# In a system of test/packages.sh, as its root: makes packages of /source and tests them.
#
#   make_packages.sh debian [twice | walk]    twice: also shows that another build gives the same; walk: and does with
#                                             them what the pages say (walk.sh)
#   make_packages.sh rpm
#
# Prints a line for each step that passed. Of one that failed, the end of what it printed.
set -euo pipefail

version=$(sed -n '/"version"/{s/.*: "\(.*\)".*/\1/p;q}' /source/META.json)
work=/home/builder
log=/var/log/make_packages.log

# step COMMAND...: stops where the command fails.
step() {
    local status=0
    "$@" >"$log" 2>&1 </dev/null || status=$?
    [ "$status" -eq 0 ] || {
        tail -n 60 "$log"
        echo "failed: $*"
        exit 1
    }
}

as_builder() {
    runuser -u builder -- env HOME=$work "$@"
}

installed() {
    dpkg-query -W -f '${Version}' "$1"
}

# What is installed starts no server and makes no cluster.
prepare() {
    export DEBIAN_FRONTEND=noninteractive
    mkdir -p /etc/postgresql-common/createcluster.d
    echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/no_cluster.conf
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    step apt-get -q update
    step apt-get -q -y --no-install-recommends install build-essential "$@"
    id builder >/dev/null 2>&1 || useradd --create-home builder
    rm -rf "${work:?}"/*
}

# --- Debian

# build_in DIRECTORY [OPTION]: from the archive of the release, as somebody else has it; with another option of
# DEB_BUILD_OPTIONS.
build_in() {
    local tree=$1/postgresql-session-service-$version
    as_builder mkdir -p "$1"
    step as_builder tar -C /source --transform "s,^\.,$(basename "$tree")," --exclude=./debian \
        -czf "$1/postgresql-session-service_$version.orig.tar.gz" .
    step as_builder tar -C "$1" -xzf "$1/postgresql-session-service_$version.orig.tar.gz"
    step as_builder cp -r /source/debian "$tree"
    step as_builder env DEB_BUILD_OPTIONS="${2:-} parallel=$(nproc)" \
        sh -c 'cd "$1" && pg_buildext updatecontrol && dpkg-buildpackage -us -uc' sh "$tree"
}

tested_by_autopkgtest() {
    local status=0
    autopkgtest --output-dir=/var/log/autopkgtest "$@" -- null || status=$?
    # 2 tells of tests that were skipped, which a line says.
    [ "$status" -eq 0 ] || [ "$status" -eq 2 ]
}

# Another directory, zone of time and umask.
build_again_in() (
    export TZ=Pacific/Kiritimati LC_ALL=C
    umask 002
    build_in "$1" nocheck
)

same_packages() {
    local package
    for package in "$1"/*.deb; do
        cmp "$package" "$2/${package##*/}" || return
    done
}

make_debian() {
    prepare dpkg-dev lintian autopkgtest
    step apt-get -q -y --no-install-recommends build-dep /source/
    # The tests that the package runs while it is built are those of autopkgtest: once is enough to see that they do.
    build_in $work/first "$([ "${1:-}" = twice ] || echo nocheck)"
    echo "built with $(as_builder g++ --version | head -n 1):"
    (cd $work/first && ls -- *.deb)
    # Only a package that comes to Debian itself closes a bug of Debian's.
    step as_builder lintian --fail-on=error,warning --suppress-tags=initial-upload-closes-no-bugs $work/first/*.changes
    echo "lintian $(installed lintian) found nothing"
    step apt-get -q -y --no-install-recommends install $work/first/*.deb
    echo "installed"
    rm -rf /var/log/autopkgtest
    step tested_by_autopkgtest $work/first/*.changes
    echo "autopkgtest $(installed autopkgtest):"
    cat /var/log/autopkgtest/summary
    if [ "${1:-}" = twice ]; then
        build_again_in $work/elsewhere/second
        step same_packages $work/first $work/elsewhere/second
        echo "built again in another directory: the same packages, byte by byte"
    elif [ "${1:-}" = walk ]; then
        bash /source/test/lib/walk.sh
    fi
}

# --- RPM

# Where Debian's server is, in place of PGDG's.
rpm_with() {
    local pg_config=/usr/lib/postgresql/$major/bin/pg_config
    as_builder "$@" --define "pgmajorversion $major" --define "pginstdir ${pg_config%/bin/*}" \
        --define "pgsharedir $("$pg_config" --sharedir)" --define "pglibdir $("$pg_config" --pkglibdir)" \
        /source/docs/packages/session_service.spec
}

# rpm knows nothing of what dpkg has installed: --nodeps.
make_rpm() {
    local sources=$work/rpmbuild/SOURCES/session_service-$version
    prepare rpm rpmlint cpio zip unzip postgresql postgresql-server-dev-all \
        libmaxminddb-dev libssl-dev liburiparser-dev nlohmann-json3-dev
    major=$(/usr/share/postgresql-common/supported-versions)
    step as_builder mkdir -p "${sources%/*}"
    step as_builder cp -r /source "$sources"
    step as_builder sh -c 'cd "$1" && zip -qr "$2.zip" "$2" && rm -r "$2"' sh "${sources%/*}" "${sources##*/}"
    step as_builder rpmlint /source/docs/packages/session_service.spec
    echo "rpmlint $(installed rpmlint): $(tail -n 1 "$log")"
    step rpm_with rpmspec --parse
    step rpm_with rpmbuild -bb --nodeps
    step rpm --install --nodeps --force-debian $work/rpmbuild/RPMS/*/session_service_"$major"-"$version"-*.rpm
    echo "built and installed with rpm $(installed rpm): $(rpm -qa | xargs)"
    step as_builder cp -r /source $work/source
    step as_builder pg_virtualenv -v "$major" \
        make -C $work/source installcheck REGRESS='create validate refresh' ISOLATION=
    echo "installcheck, a part of it: passed"
}

"make_$1" "${@:2}"
