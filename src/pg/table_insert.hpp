// Inserting one row into a heap without the executor.
#pragma once

#include "pg/compat.hpp"
#include "pg/value.hpp"

namespace session_service::pg {

/// Inserts a row of these values and its index entries; further columns, dropped ones, are NULL. A
/// unique violation is raised as ever, but no default, trigger, check or other constraint takes
/// effect: the table must have none.
void insert_row(Relation heap, std::span<const Value> values);

} // namespace session_service::pg
