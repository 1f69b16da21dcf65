// A row as it was found: a view of its columns, valid until its table moves on.
#pragma once

#include "core/crypto.hpp"

#include "pg/assert.hpp"
#include "pg/value.hpp"
#include "table/layout.hpp"

extern "C" {
#include "storage/itemptr.h"
}

namespace session_service::table {

/// The columns of a row up to a last one, as an engine holds them, and the version that they are
/// of.
struct RowView {
    const Datum* values;
    const bool* nulls;
    int last;
    ItemPointerData tid;
};

/// The same by the names of one table's columns. REQUIRES: a column that was read, and for the
/// typed getters that do not say what NULL is, one that is not NULL.
template <typename Column>
class Row {
  public:
    explicit Row(const RowView& view) : view_(view) {}

    pg::Value get(Column column) const {
        SESSION_SERVICE_ASSERT(column <= view_.last);
        return {view_.values[column - 1], view_.nulls[column - 1]};
    }
    bool is_null(Column column) const { return get(column).isnull; }

    core::Uuid uuid(Column column) const { return pg::to_uuid(present(column)); }
    std::uint16_t smallint(Column column) const {
        return static_cast<std::uint16_t>(DatumGetInt16(present(column)));
    }
    std::int32_t integer(Column column) const { return DatumGetInt32(present(column)); }
    std::int64_t bigint(Column column) const { return DatumGetInt64(present(column)); }
    bool boolean(Column column) const { return DatumGetBool(present(column)); }
    core::Digest digest(Column column) const { return pg::to_digest(present(column)); }

    /// A time, or `otherwise` where it is NULL.
    core::Micros time(Column column, core::Micros otherwise = core::never) const {
        const pg::Value value = get(column);
        return value.isnull ? otherwise : DatumGetTimestampTz(value.value);
    }

    /// Whether the stored digest is there and equals `digest`, in constant time.
    bool matches(Column column, const core::Digest& digest) const {
        const pg::Value stored = get(column);
        return !stored.isnull && core::constant_time_equal({reinterpret_cast<const std::uint8_t*>(
                                                                DatumGetPointer(stored.value)),
                                                            digest.size()},
                                                           digest);
    }

  private:
    Datum present(Column column) const {
        const pg::Value value = get(column);
        SESSION_SERVICE_ASSERT(!value.isnull);
        return value.value;
    }

    RowView view_;
};

/// Columns of a row, a bit each from the lowest on.
using ColumnSet = std::uint64_t;
static_assert(most_columns <= 64);

constexpr ColumnSet only(int column) {
    return ColumnSet{1} << (column - 1);
}

constexpr bool contains(ColumnSet columns, int column) {
    return (columns & only(column)) != 0;
}

/// Values for some of a row's columns: what an INSERT gives, or an UPDATE changes.
class Values {
  public:
    Values& set(int column, pg::Value value) {
        SESSION_SERVICE_ASSERT(column > 0 && column <= most_columns);
        values_[static_cast<std::size_t>(column - 1)] = value;
        columns_ |= only(column);
        return *this;
    }

    bool empty() const { return columns_ == 0; }
    bool has(int column) const { return contains(columns_, column); }
    pg::Value get(int column) const { return values_[static_cast<std::size_t>(column - 1)]; }

    /// The columns that are set.
    ColumnSet columns() const { return columns_; }

    /// The same, of those that are not NULL.
    ColumnSet columns_with_value() const {
        ColumnSet columns = columns_;
        for (int column = 1; column <= most_columns; ++column) {
            if (get(column).isnull) {
                columns &= ~only(column);
            }
        }
        return columns;
    }

  private:
    std::array<pg::Value, most_columns> values_{};
    ColumnSet columns_ = 0;
};

/// What became of a write to a row that was read.
enum class Outcome : std::uint8_t {
    done,
    changed, // another transaction changed or deleted the row since it was read: look again
    held,    // another transaction that is under way holds the row
    refused, // a DBA's trigger or rule left the row as it is
};

/// Whether a write waits for who holds the row, or leaves it.
enum class IfHeld : std::uint8_t { wait, leave };

} // namespace session_service::table
