// The same by statement, for tables that somebody added something to, spread or altered: with all
// effects, since the executor does it. The statements are made from the layout.
//
// To change a row only in the version that was found, each statement names that version (ctid)
// beside the key. One that waits runs in a subtransaction of its own, which is undone where the row
// turns out to have changed: the executor locks the newer version before it looks, and a caller
// that goes on to take the user's row would hold the two in the wrong order.
#pragma once

#include "table/row.hpp"
#include "table/search.hpp"

namespace session_service::table {

class SqlEngine {
  public:
    static SqlEngine open(const Layout& layout);

    std::optional<RowView> find(Search& search, SearchValues values);
    std::optional<RowView> next();

    // What follows acts on a row that either engine found. REQUIRES: its primary key was read.

    Outcome lock(const RowView& row);
    void insert(const Values& values);
    Outcome update(const RowView& row, const Values& values, IfHeld if_held);
    Outcome remove(const RowView& row);

    /// Changes the row if nothing is in the way: not where it or what a trigger wants is locked,
    /// nor where that raises an error or leaves something to be checked at COMMIT, which must not
    /// fail for this.
    Outcome update_if_nothing_is_in_the_way(const RowView& row, const Values& values);

    void close();

  private:
    void run(SearchValues values);
    std::uint64_t chunk_size() const;

    const Layout* layout_ = nullptr;
    Search* search_ = nullptr;
    std::array<pg::Value, 4> searched_{};
    std::size_t searched_count_ = 0;
    // What was found, in memory of its own, and the row that this is at.
    MemoryContext memory_ = nullptr;
    HeapTuple* rows_ = nullptr;
    TupleDesc descriptor_ = nullptr;
    std::uint64_t count_ = 0;
    std::uint64_t next_ = 0;
    bool has_progressed_ = false;
    // The version's place, then the columns.
    std::array<Datum, most_columns + 1>* values_ = nullptr;
    std::array<bool, most_columns + 1>* nulls_ = nullptr;
};

} // namespace session_service::table
