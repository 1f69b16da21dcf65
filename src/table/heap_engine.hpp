// The direct engine: rows read, inserted, updated and deleted by heap and index, without the
// executor, through the server's table and index access methods. For tables of which the gate says
// so (table/access.hpp).
#pragma once

#include "pg/compat.hpp"
#include "table/access.hpp"
#include "table/row.hpp"
#include "table/search.hpp"

extern "C" {
#include "access/skey.h"
#include "executor/tuptable.h"
#include "utils/snapshot.h"
}

namespace session_service::table {

/// Which version of a row is found: what is committed now, by one snapshot for all that is found;
/// or the newest that is committed at the moment of each look, where a lock comes next, which
/// settles it. The second takes no part in the dependencies of SERIALIZABLE.
enum class Sees : std::uint8_t { committed, newest };

/// An opened table, at one row at a time. An error in between needs no close().
class HeapEngine {
  public:
    /// Columns up to `last` are read.
    static HeapEngine open(const Opened& opened, const Layout& layout, int last, Sees sees);

    /// The first row that the search finds, and the next one; valid until the next of these calls.
    std::optional<RowView> find(const Search& search, SearchValues values);
    std::optional<RowView> next();

    /// Locks the row that was found, in that version, until the transaction ends; waits for who
    /// holds it.
    Outcome lock();

    /// Whether this transaction wrote the version that was found.
    bool is_own_version() const;

    void insert(const Values& values);

    /// Changes, or deletes, the row that was found, in that version. Who holds it is left alone or
    /// waited for; after a wait the row is not left locked, and counts as changed.
    Outcome update(const Values& values, IfHeld if_held);
    Outcome remove();

    /// Whether the update can find room without failing, as far as that can be told beforehand.
    bool has_room_for(const Values& values) const;

    void close();

  private:
    void start(const Search& search, SearchValues values);
    void end_scan();
    bool fetch_by_hint(const core::Uuid& id);
    bool fetch_by_index(const core::Uuid* remembered_as);
    std::optional<RowView> view();
    TM_Result lock_version(LockTupleMode mode, LockWaitPolicy policy);

    Relation relation_ = nullptr;
    const Layout* layout_ = nullptr;
    std::array<IndexAccess, most_indexes> indexes_{};
    int last_ = 0;
    Snapshot snapshot_ = nullptr;
    bool is_registered_ = false;
    TupleTableSlot* slot_ = nullptr;
    TupleTableSlot* locked_ = nullptr; // once it is needed, as the rest
    IndexFetchTableData* fetch_ = nullptr;
    BlockNumber blocks_ = InvalidBlockNumber;
    Relation index_ = nullptr;
    IndexScanDesc scan_ = nullptr;
};

} // namespace session_service::table
