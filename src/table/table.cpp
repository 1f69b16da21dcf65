#include "table/table.hpp"
#include "pg/assert.hpp"

extern "C" {
#include "access/table.h"
#include "access/xact.h"
}

namespace session_service::table {

namespace {

LOCKMODE lock_for(For purpose) {
    switch (purpose) {
    case For::reading:
        return AccessShareLock;
    case For::locking:
        return RowShareLock;
    case For::writing:
        return RowExclusiveLock;
    }
    pg_unreachable();
}

} // namespace

Table Table::open(TableName name, For purpose, int last, Sees sees) {
    const Layout& layout = layout_of(name);
    if (purpose != For::reading) {
        // What the caller's own command wrote is to be seen, and to be written over.
        CommandCounterIncrement();
    }
    const Opened opened = table::open(name, lock_for(purpose));
    Table table;
    table.name_ = name;
    table.relation_ = opened.relation;
    table.is_read_directly_ = opened.access.is_read_directly && !is_sql_forced();
    table.is_written_directly_ =
        opened.access.is_written_directly && !are_statement_writes_forced();
    table.takes_optional_writes_ = opened.access.takes_optional_writes;
    table.sql_ = SqlEngine::open(layout);
    if (table.is_read_directly_) {
        table.heap_ = HeapEngine::open(opened, layout, std::min(last, layout.column_count()), sees);
    }
    return table;
}

std::optional<RowView> Table::find(Search& search, std::initializer_list<pg::Value> values) {
    SESSION_SERVICE_ASSERT(search.table() == name_);
    count_call(is_read_directly_ ? Engine::heap : Engine::sql);
    const SearchValues given{values.begin(), values.size()};
    row_ = is_read_directly_ ? heap_.find(search, given) : sql_.find(search, given);
    return row_;
}

std::optional<RowView> Table::next() {
    row_ = is_read_directly_ ? heap_.next() : sql_.next();
    return row_;
}

Outcome Table::lock() {
    SESSION_SERVICE_ASSERT(row_.has_value());
    return is_read_directly_ ? heap_.lock() : sql_.lock(*row_);
}

Outcome Table::update(const Values& values, IfHeld if_held) {
    SESSION_SERVICE_ASSERT(row_.has_value());
    count_call(is_written_directly_ ? Engine::heap : Engine::sql);
    has_written_ = true;
    return is_written_directly_ ? heap_.update(values, if_held)
                                : sql_.update(*row_, values, if_held);
}

Outcome Table::remove() {
    SESSION_SERVICE_ASSERT(row_.has_value());
    count_call(is_written_directly_ ? Engine::heap : Engine::sql);
    has_written_ = true;
    return is_written_directly_ ? heap_.remove() : sql_.remove(*row_);
}

void Table::insert(const Values& values) {
    count_call(is_written_directly_ ? Engine::heap : Engine::sql);
    has_written_ = true;
    if (is_written_directly_) {
        heap_.insert(values);
    } else {
        sql_.insert(values);
    }
}

Outcome Table::update_if_nothing_is_in_the_way(const Values& values) {
    SESSION_SERVICE_ASSERT(!is_written_directly_);
    if (!takes_optional_writes_ || !lock_if_free(name_, RowExclusiveLock)) {
        return Outcome::held;
    }
    count_call(Engine::sql);
    return sql_.update_if_nothing_is_in_the_way(*row_, values);
}

void Table::close() {
    if (is_read_directly_) {
        heap_.close();
    }
    sql_.close();
    table_close(relation_, NoLock);
    if (has_written_) {
        CommandCounterIncrement();
    }
}

} // namespace session_service::table
