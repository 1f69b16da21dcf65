// How our statements are planned: always in the same way, whoever is the first to run them.
//
// A plan is kept for the life of a backend. So it must depend neither on the settings of the caller
// who happens to be first, nor on the tables being new and empty. The settings are pinned while one
// of our statements is planned, and only then: what runs inside it, a DBA's trigger say, is planned
// and runs with the caller's. docs/decisions/planner-hook.md has what was tried instead.
#pragma once

#include "pg/statement.hpp"

namespace session_service::pg {

/// The options with which to prepare a statement of ours: they mark it for the hook.
int plan_options(Finds finds);

/// Installs the hooks; called once, as the library is loaded.
void pin_planning();

} // namespace session_service::pg
