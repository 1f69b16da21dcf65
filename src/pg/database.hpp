// Databases of the server, and the lock that tells whether someone is about to drop one.
#pragma once

#include "pg/prelude.hpp"

namespace session_service::pg {

/// The OID of the database named so, if it is there and may be connected to. Needs a transaction,
/// but no connection to a database.
std::optional<Oid> find_database(const char* name);

/// The name of the current worker's database, in the current memory context; null where it was
/// dropped.
const char* current_database_name();

/// Whether nobody is about to drop, rename, move or copy the current worker's database: what does
/// so waits for a few seconds until nobody is connected, and then fails. Holds such off until the
/// transaction ends.
bool lock_current_database_if_free();

} // namespace session_service::pg
