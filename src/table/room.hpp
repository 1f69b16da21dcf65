// Whether there is room on disk for some pages more.
#pragma once

#include "pg/compat.hpp"

namespace session_service::table {

/// Whether the file systems of a table and of its indexes have room for what many backends could
/// add at once. A quota is not seen, nor what others take meanwhile.
bool has_room_on_disk(Relation relation);

} // namespace session_service::table
