// Token introspection (RFC 7662).
#pragma once

#include "pg/value.hpp"
#include "service/tokens.hpp"

namespace session_service::service {

/// The introspection response for a token of either kind, as jsonb. An inactive one is told nothing
/// more (RFC 7662, section 2.2). Reading it is no activity.
Datum introspect(const std::optional<Presented>& presented);

} // namespace session_service::service
