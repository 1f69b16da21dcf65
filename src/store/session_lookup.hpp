// Finding a session by its id: where its row was found last, or from the primary key's index to the
// heap, without the executor.
#pragma once

#include "core/lifetime.hpp"
#include "core/rotation.hpp"

#include "pg/compat.hpp"
#include "pg/statement.hpp"
#include "store/catalog.hpp"
#include "store/place_cache.hpp"

namespace session_service::store {

using core::Micros;

/// One session's row, as long as its lookup is at it.
class SessionRow {
  public:
    SessionRow(const Datum* values, const bool* nulls) : values_(values), nulls_(nulls) {}

    pg::Value get(column::Number number) const { return {values_[number - 1], nulls_[number - 1]}; }
    bool is_null(column::Number number) const { return nulls_[number - 1]; }
    core::Uuid uuid(column::Number number) const { return pg::to_uuid(get(number).value); }

    /// A time, or `otherwise` where it is NULL.
    Micros time(column::Number number, Micros otherwise = core::never) const {
        return is_null(number) ? otherwise : DatumGetTimestampTz(get(number).value);
    }
    std::int64_t bigint(column::Number number) const { return DatumGetInt64(get(number).value); }

    /// Whether the stored digest is there and equals `digest`, in constant time.
    bool matches(column::Number number, const core::Digest& digest) const;

    bool is_revoked() const { return !is_null(column::revoked_at); }
    bool is_closed() const { return DatumGetBool(get(column::is_closed).value); }
    core::Deadlines deadlines() const;
    core::Lifetimes own_lifetimes() const;

    /// The salt that derives the current pair, while there is one.
    std::optional<core::RotationSalt> rotation_salt() const;

  private:
    const Datum* values_;
    const bool* nulls_;
};

/// Looks sessions up, one after the other, as of the moment it was opened: what was committed
/// before is seen at every isolation level. Where the table is not a plain local one it asks with
/// SQL.
class SessionLookup {
  public:
    /// Columns up to `last` are read.
    static SessionLookup open(column::Number last);

    /// Have the processor load, first, what this backend knows of where the row was, and then the
    /// row: to be called some work ahead of find(), which would wait for memory otherwise.
    static void announce(const core::Uuid& id) { prefetch_place(id); }
    static void expect(const core::Uuid& id);

    /// The row, valid until the next find() or close().
    std::optional<SessionRow> find(const core::Uuid& id);

    void close();

    /// How the row that find() is at may be updated as the transaction commits.
    enum class Writing : std::uint8_t {
        directly,     // without the executor
        by_statement, // a DBA added a trigger, a rule, a constraint or a generated column, or
                      // spread the table
        not_at_all,   // a deferred trigger would no longer fire, or the executor would refuse
    };
    Writing writing_at_commit() const;
    TupleTableSlot* slot() const { return slot_; }
    Relation heap() const { return heap_; }

  private:
    bool is_direct() const { return slot_ != nullptr; }
    std::optional<SessionRow> find_directly(const core::Uuid& id);
    bool fetch_where_remembered(const core::Uuid& id);
    bool fetch_by_index(const core::Uuid& id);
    std::optional<SessionRow> find_by_statement(const core::Uuid& id);

    column::Number last_ = column::revoke_reason;
    Relation heap_ = nullptr;
    TupleTableSlot* slot_ = nullptr;
    Snapshot snapshot_ = nullptr;
    IndexFetchTableData* fetch_ = nullptr;
    Relation index_ = nullptr; // once it is needed
    IndexScanDesc scan_ = nullptr;
    pg::OwnerScope owner_; // of the fallback
    std::array<Datum, column::count>* values_ = nullptr;
    std::array<bool, column::count>* nulls_ = nullptr;
};

} // namespace session_service::store
