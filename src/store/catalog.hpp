// Where the sessions table is, who owns it, and how it may be read.
#pragma once

#include "pg/statement.hpp"

extern "C" {
#include "utils/relcache.h"
}

namespace session_service::store {

/// Numbers of the sessions table's columns, as the install script lays them out.
namespace column {
enum Number : int {
    id = 1,
    user_id,
    device_id,
    token_hash,
    created_at,
    last_activity_at,
    expires_at,
    purge_after,
    session_expiry,
    refresh_expiry,
    inactivity_timeout,
    generation,
    bucket,
    secret_length,
    is_closed,
    idle_expires_at,
    refresh_expires_at,
    absolute_expires_at,
    revoked_at,
    mfa_verified_at,
    scopes,
    metadata,
    ip_address,
    rotated_at,
    refresh_hash,
    previous_refresh_hash,
    family_hash,
    rotation_salt,
    mfa_method,
    revoke_reason,
};
inline constexpr int count = revoke_reason;
} // namespace column

struct SessionsTable {
    Oid relation = InvalidOid;
    Oid owner = InvalidOid;
    Oid primary_key = InvalidOid; // its index
    /// A plain local heap with a plain btree as primary key: its rows can be read directly. False
    /// for a partitioned, foreign or distributed table, which looks the same and is silently wrong.
    bool is_plain = false;
};

/// The sessions table of this database, looked up once and again after anything changed it; 42P01
/// where the extension is not installed.
const SessionsTable& sessions_table();

/// Whether the table's rows are in its own heap, all of them and no others.
bool is_local_heap(Relation table);

/// Opens the sessions table with `mode`, found anew where it was dropped and created meanwhile.
Relation open_sessions(LOCKMODE mode);

/// Keeps the extension from being dropped until the transaction ends, but only if that needs no
/// waiting; false where it does, as DROP EXTENSION is under way, or where there is no extension.
bool lock_extension_if_free();

/// Locks the sessions table until the transaction ends, but only if that needs no waiting; false
/// where it does, or where there is no such table.
bool lock_sessions_if_free(LOCKMODE mode);

/// Registers what keeps the above right; called once, as the library is loaded.
void watch_catalog();

/// Runs `body` with the owner's rights, a pinned search_path and SPI. What it returns must not
/// refer to memory of that scope.
template <typename Body>
auto as_owner(Body&& body) {
    const pg::OwnerScope scope = pg::enter_owner(sessions_table().owner);
    auto result = std::forward<Body>(body)();
    pg::leave_owner(scope);
    return result;
}

} // namespace session_service::store
