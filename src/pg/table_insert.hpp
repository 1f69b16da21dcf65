// Inserting one row into a heap without the executor.
#pragma once

#include "pg/compat.hpp"
#include "pg/value.hpp"

namespace session_service::pg {

/// Inserts a row of these values, one for each column, and its index entries; a unique violation is
/// raised as ever. Defaults, triggers, checks and other constraints are nobody's: the table must
/// have none.
void insert_row(Relation heap, std::span<const Value> values);

} // namespace session_service::pg
