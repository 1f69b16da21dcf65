// Updating or deleting one row of a heap without the executor, and only in the version that was
// read.
#pragma once

#include "pg/compat.hpp"
#include "pg/value.hpp"

extern "C" {
#include "access/htup_details.h"
#include "executor/tuptable.h"
}

namespace session_service::pg {

/// New values for some of a row's columns.
class RowChange {
  public:
    /// Column numbers count from 1.
    void set(int column, Value value) {
        const auto index = static_cast<std::size_t>(column - 1);
        values_[index] = value.value;
        nulls_[index] = value.isnull;
        replaces_[index] = true;
    }

    /// A copy of `row` with these values. A row may have columns that this knows nothing of.
    HeapTuple apply_to(HeapTuple row, TupleDesc descriptor) const;

  private:
    static constexpr std::size_t most_columns = 64;
    std::array<Datum, most_columns> values_{};
    std::array<bool, most_columns> nulls_{};
    std::array<bool, most_columns> replaces_{};
};

enum class RowUpdate : std::uint8_t {
    updated,
    changed, // by another transaction, since it was read
    held,    // by another transaction that is still under way
};

/// Updates the row that `slot` holds, as found with a recent snapshot, if it is still that and
/// nobody holds it. Otherwise nothing is done, nothing is waited for and nothing is left locked.
RowUpdate update_row_if_free(Relation heap, TupleTableSlot* slot, const RowChange& change);

/// The same, but waits for whoever holds the row, and fails where the executor would since a
/// publication could not tell which row it was.
RowUpdate update_row(Relation heap, TupleTableSlot* slot, const RowChange& change);

/// Deletes the row that `slot` holds, on the same terms; whether it was deleted.
bool delete_row_if_free(Relation heap, TupleTableSlot* slot);

/// Waits for whoever holds the row, without taking it: what is decided next, a fresh look decides.
void wait_for_row(Relation heap, TupleTableSlot* slot);

} // namespace session_service::pg
