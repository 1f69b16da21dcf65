// What the planner is told of our tables, for the statements that we run.
#pragma once

namespace session_service::pg {

/// Has the planner take each table of the extension's schema for a large one, within an owner's
/// scope and where a statement does not mean to read a whole table: while a table is small, or
/// taken for empty, each way to find a row costs the same, also those that read all of it, and a
/// plan is kept. Called once, as the library is loaded.
void plan_for_large_tables();

} // namespace session_service::pg
