// The schema that the extension's objects are in.
#pragma once

#include "pg/prelude.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "utils/lsyscache.h"
}

namespace session_service::pg {

inline constexpr const char* schema_name = "session_service";

/// The OID of the schema; InvalidOid where the extension is not installed.
inline Oid find_schema() {
    return get_namespace_oid(schema_name, true);
}

/// The OID of a table of the schema; InvalidOid where it is not there.
inline Oid find_table(const char* name) {
    const Oid schema = find_schema();
    return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

} // namespace session_service::pg
