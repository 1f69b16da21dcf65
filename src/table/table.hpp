// One of our tables, opened: rows found and written by whichever engine the gate allows. Each
// effect is written once, in the terms of this file.
//
// Reads go by heap and index where the table is what it looks like, writes where besides nobody has
// added anything that the executor would run or check. Everything else goes by statement.
#pragma once

#include "pg/statement.hpp"
#include "table/access.hpp"
#include "table/engine.hpp"
#include "table/heap_engine.hpp"
#include "table/row_hints.hpp"
#include "table/sql_engine.hpp"

namespace session_service::table {

/// What a table is opened for; with it goes the lock, as that of a statement.
enum class For : std::uint8_t { reading, locking, writing };

class Table {
  public:
    /// Opens a table. Columns up to `last` are read, all of them by default. What this transaction
    /// wrote is seen.
    static Table open(TableName name, For purpose, int last = most_columns,
                      Sees sees = Sees::committed);

    /// Has the processor load what find() looks at first for this id: to be called some work ahead.
    static void expect(const core::Uuid& id) { prefetch_hint(id); }

    /// The first row that the search finds, or nothing; then the next ones.
    std::optional<RowView> find(Search& search, std::initializer_list<pg::Value> values);
    std::optional<RowView> next();

    // What follows acts on the row that was found last, in the version that was found.

    /// Locks the row until the transaction ends; waits for who holds it.
    Outcome lock();

    /// Changes the row. Who holds it is left alone, or waited for: then nothing is left locked.
    Outcome update(const Values& values, IfHeld if_held);

    /// Deletes the row, unless somebody holds it.
    Outcome remove();

    /// Whether this transaction wrote the row, so that nobody else can change or delete it before
    /// the transaction ends. False where that is not known.
    bool is_own_version() const { return is_read_directly_ && heap_.is_own_version(); }

    /// Inserts a row. A column that is left out gets its default.
    void insert(const Values& values);

    bool is_written_directly() const { return is_written_directly_; }

    /// Whether that change can find room without failing, as far as that can be told beforehand.
    /// REQUIRES: a table that is written directly.
    bool has_room_for(const Values& values) const { return heap_.has_room_for(values); }

    /// Writes what nobody asked for, by statement, if table, row and all that it takes are free and
    /// nothing refuses it now or could at COMMIT. For a table that is not written directly.
    Outcome update_if_nothing_is_in_the_way(const Values& values);

    /// The lock stays until the transaction ends. What was written is seen by what comes next.
    void close();

  private:
    TableName name_{};
    bool is_read_directly_ = false;
    bool is_written_directly_ = false;
    bool takes_optional_writes_ = false;
    bool has_written_ = false;
    Relation relation_ = nullptr;
    HeapEngine heap_;
    SqlEngine sql_;
    std::optional<RowView> row_;
};

/// Opens a table, gives it to `body`, and closes it.
template <typename Body>
auto with_table(TableName name, For purpose, Body&& body) {
    Table table = Table::open(name, purpose);
    auto result = std::forward<Body>(body)(table);
    table.close();
    return result;
}

/// Runs `body` in the scope of the tables' owner, which it is given for its statements. What it
/// returns must not refer to memory of that scope.
template <typename Body>
auto as_owner(Body&& body) {
    return pg::within_owner_scope(owner(), std::forward<Body>(body));
}

} // namespace session_service::table
