// Granting privileges on the extension's schema and functions, as the current user: the owner.
#pragma once

#include "pg/value.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace session_service::pg {

bool role_exists(Oid role);

/// The name of a role, as a datum of type name; 42704 where there is no such role.
Value role_name(Oid role);

/// Grants the role USAGE on the schema, or takes it.
void grant_usage(Oid role, bool is_grant);

/// The names and OIDs of the extension's functions.
struct FunctionName {
    Oid id;
    const char* name;
};
std::span<const FunctionName> extension_functions();

/// Grants the role EXECUTE on these functions, or takes it.
void grant_execute_on(Oid role, bool is_grant, std::span<const Oid> functions);

/// The same for those functions of the extension whose names `is_chosen` takes.
template <typename IsChosen>
void grant_execute(Oid role, bool is_grant, IsChosen&& is_chosen) {
    const auto functions = extension_functions();
    auto* chosen = static_cast<Oid*>(palloc(functions.size() * sizeof(Oid) + 1));
    std::size_t count = 0;
    for (const FunctionName& function : functions) {
        if (is_chosen(function.name)) {
            chosen[count++] = function.id;
        }
    }
    grant_execute_on(role, is_grant, {chosen, count});
}

} // namespace session_service::pg
