// The gate: what may be done to one of our tables directly, by heap and index, without the
// executor. Everybody who goes past the executor asks here, and nobody decides for himself.
//
// A table is read directly if it is what it looks like: a local heap with our columns, of our
// types, and our indexes, whose rows are its own and all of them. It is written directly if,
// besides, the executor would run and check nothing that we do not: no trigger, rule, constraint,
// default, generated column or index of a DBA's that has to be computed or asked. What is not so
// goes by statement, with all effects (table/sql_engine.hpp).
//
// The answer is found once, under a lock on the table, and kept until something changes the table
// or one of its indexes. Most of what matters for writing cannot change under a writer's lock; the
// rest (a child, a publication, an index that is built concurrently) reaches whoever takes a lock
// next, and COMMIT takes one and asks again.
#pragma once

#include "table/layout.hpp"

extern "C" {
#include "storage/lockdefs.h"
#include "utils/relcache.h"
}

namespace session_service::table {

/// One of our indexes, with the functions that compare its columns.
struct IndexAccess {
    Oid index = InvalidOid;
    std::array<RegProcedure, most_index_columns> equals{};
    std::array<RegProcedure, most_index_columns> not_later{};
};

struct Access {
    Oid relation = InvalidOid;
    Oid owner = InvalidOid;
    bool is_read_directly = false;
    bool is_written_directly = false;
    /// Whether a write that nobody asked for may be tried by statement: not where the server would
    /// refuse it, or could as late as at COMMIT.
    bool takes_optional_writes = false;
    std::array<IndexAccess, most_indexes> indexes{};
};

/// A table that was opened, with the answer for it. The lock stays until the transaction ends, as
/// after any statement.
struct Opened {
    Relation relation = nullptr;
    Access access;
};

/// Opens a table of this database; 42P01 where the extension is not installed, 55000 where a time
/// in it is no longer a timestamptz, since whether a session is over would depend on the caller's
/// zone; 0A000 where Citus manages it.
Opened open(TableName table, LOCKMODE mode);

/// Who owns the extension's tables.
Oid owner();

/// Locks a table, its TOAST table and each of its indexes until the transaction ends, but only if
/// that needs no waiting; false where it does, or where there is no such table.
bool lock_if_free(TableName table, LOCKMODE mode);

/// Locks a number that stands for something in a table, against others that do the same, until the
/// transaction ends; false where somebody holds it.
bool lock_number_if_free(TableName table, std::uint32_t number);

/// The same, and waits for who holds it.
void lock_number(TableName table, std::uint32_t number);

/// Keeps the extension from being dropped until the transaction ends, on the same terms.
bool lock_extension_if_free();

/// Registers what keeps the answers right; called once, as the library is loaded.
void watch_tables();

} // namespace session_service::table
