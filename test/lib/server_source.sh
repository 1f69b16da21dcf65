# Sourced, with packages.sh and after choose_server: the source of the server, from Debian's source package.

# Lays the source of Debian's server into ./source, through lists of sources of its own, so that the machine's stay as
# they are. Its minor version may be another one than that of the server.
download_source() {
    local version major
    major=$("$PG_CONFIG" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
    mkdir -p apt/sources apt/lists/partial apt/cache/archives/partial
    find /etc/apt/sources.list.d -name '*.sources' -exec cp {} apt/sources/ \;
    find /etc/apt/sources.list /etc/apt/sources.list.d -name '*.list' -exec cp {} apt/sources/ \; 2>/dev/null || true
    find apt/sources -type f -exec sed -i -e 's/^Types: .*/Types: deb-src/' -e 's/^deb /deb-src /' {} +
    cat >apt/apt.conf <<END
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$PWD/apt/sources";
Dir::State::lists "$PWD/apt/lists";
Dir::Cache "$PWD/apt/cache";
END
    export APT_CONFIG=$PWD/apt/apt.conf
    apt-get -qq update || return
    # The newest may be known and not be there.
    for version in $(apt-cache showsrc "postgresql-$major" | sed -n 's/^Version: //p' | sort -rV); do
        apt-get -qq source --download-only "postgresql-$major=$version" || continue
        rm -rf source
        mkdir source
        tar -C source --strip-components=1 -xf "$(compgen -G 'postgresql-*.orig.tar.*' | grep -v '\.asc$')"
        return
    done
    return 1
}
