// Access levels: which of the functions a role may call.
#pragma once

#include "store/access_levels.hpp"

namespace session_service::service {

/// Grants all functions of the level, and those of the levels that it contains. Again after an
/// upgrade, it grants what is new. 42704 for a role that does not exist.
void grant_access(Oid role, store::AccessLevel level);

/// Takes what no level that the role keeps contains.
void revoke_access(Oid role, store::AccessLevel level);

} // namespace session_service::service
