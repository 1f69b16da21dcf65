#!/usr/bin/env bash
# The rules between the layers of src/, as far as text can tell. Prints TAP, and each line that breaks a rule.
#
#   core <- pg <- table <- store <- service <- worker <- api: an include points down, or stays in its layer
set -euo pipefail
shopt -s lastpipe
cd "$(dirname "$0")/.."

layers=(core pg table store service worker api)
count=0
failed=0

# Sources of the layers given, as file:line:text, without comments and without what is in quotes.
lines_of() {
    local layer
    for layer in "$@"; do
        grep -nrH '' --include='*.hpp' --include='*.cpp' "src/$layer" 2>/dev/null || true
    done | sed -E '/:#include /!{s,\\.,,g; s,"[^"]*","",g}; s,//.*$,,; s,/\*.*\*/,,'
}

# rule NAME: fails if there is any line on its input.
rule() {
    local broken
    broken=$(cat)
    count=$((count + 1))
    if [ -z "$broken" ]; then
        echo "ok $count - $1"
    else
        echo "not ok $count - $1"
        sed 's/^/# /' <<<"$broken"
        failed=1
    fi
}

# filter REGEX: like grep -E, but no line is no failure.
filter() {
    grep -E "$@" || true
}

for i in "${!layers[@]}"; do
    below=$(
        IFS='|'
        echo "${layers[*]:0:i+1}"
    )
    lines_of "${layers[i]}" | filter '#include "[^"]*\.hpp"' | filter -v "#include \"($below)/" |
        rule "src/${layers[i]} includes nothing above itself, and names the layer"
done

lines_of core |
    filter '#include ("[^"]*\.h"|<(postgres|libpq|server))|\b(ereport|elog|palloc|pfree|Datum|PG_[A-Z]+)\b' |
    rule "src/core knows nothing of the server"

# A longjmp over a destructor is undefined, and leaks.
owners='std::(basic_)?string\b'
owners+='|std::(vector|deque|list|map|set|unordered_map|unordered_set|multimap|function|any|unique_ptr|shared_ptr'
owners+='|weak_ptr|lock_guard|unique_lock|scoped_lock|thread|jthread|exception_ptr'
owners+='|[io]?stringstream|[io]?fstream|promise|future)\b'
lines_of pg table store service worker api | filter "$owners" | filter -v '#include' |
    rule "above src/core nothing has a destructor that does anything"

lines_of pg table store service worker api |
    filter '(^|[^_[:alnum:]])(new|delete(\[\])?) [A-Za-z_:(]|\b(malloc|calloc|realloc)\(' |
    rule "above src/core memory comes from the server's contexts"

lines_of pg table store service worker api | filter '\b(try|catch|throw)\b' | filter -v '^src/pg/(entry|guard)\.hpp:' |
    rule "above src/core exceptions are caught in one place, and none is thrown"

lines_of pg table store service worker api | filter '\bPG_FUNCTION_INFO_V1\b' | filter -v '^src/pg/entry\.hpp:' |
    rule "SQL functions are opened by SQL_FUNCTION"

lines_of "${layers[@]}" | filter '\bPG_VERSION_NUM\b|\bPG_MAJORVERSION' | filter -v '^src/pg/compat\.hpp:' |
    rule "differences between server versions stay in src/pg/compat.hpp"

lines_of "${layers[@]}" | filter '#include "postgres\.h"' | filter -v '^src/pg/prelude\.hpp:' |
    rule "postgres.h comes through src/pg/prelude.hpp"

lines_of pg table store service worker api | filter '#include <' | filter -v '^src/pg/prelude\.hpp:' |
    rule "above src/core the headers of the system come through src/pg/prelude.hpp"

# The gate is asked by one layer.
lines_of pg store service worker api |
    filter '\b(table_tuple_|table_index_|index_(beginscan|getnext)|heap_(insert|update|delete)|simple_heap_)' |
    filter -v '^src/pg/compat\.hpp:' |
    rule "only src/table reads and writes rows without the executor"

lines_of "${layers[@]}" | filter '\b(GetBufferDescriptor|ReadRecentBuffer|BUF_STATE_|xs_cbuf|heap_page_prune)' |
    rule "nothing touches the server's buffer headers, or heapam's own state"

lines_of store service worker api | filter '\b(SPI_|SetUserIdAndSecContext)' |
    rule "statements are run by src/pg and src/table alone"

echo "1..$count"
exit $failed
