#include "table/sql_engine.hpp"

#include "pg/assert.hpp"
#include "pg/compat.hpp"
#include "pg/deferred_work.hpp"
#include "pg/scoped_setting.hpp"
#include "pg/subtransaction.hpp"
#include "table/access.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/itemptr.h"
#include "utils/guc.h"
}

namespace session_service::table {

namespace {

// --- texts

// A parameter of the type that a column has.
void append_parameter(StringInfo text, int number, Type type) {
    appendStringInfo(text, "$%d%s", number,
                     type == Type::digest ? "::session_service.token_hash" : "");
}

void append_condition(StringInfo text, const Layout& layout, const Condition& condition,
                      int parameter) {
    const Column& column = layout.column(condition.column);
    appendStringInfo(text, "t.%s ", column.name);
    switch (condition.is) {
    case Is::null:
        appendStringInfoString(text, "IS NULL");
        return;
    case Is::equal:
        appendStringInfoString(text,
                               column.type == Type::digest ? "OPERATOR(session_service.=) " : "= ");
        break;
    case Is::not_later:
        appendStringInfoString(text, "<= ");
        break;
    }
    append_parameter(text, parameter, column.type);
}

// All columns, and the key and version of a row.
static_assert(most_columns + most_index_columns + 1 <= pg::most_parameters);

// Types of parameters, as they are added.
struct Parameters {
    std::array<Oid, pg::most_parameters> types{};
    int count = 0;

    int add(Oid type) {
        types[static_cast<std::size_t>(count)] = type;
        return ++count;
    }
};

SPIPlanPtr prepare_text(StringInfo text, const Parameters& parameters) {
    SPIPlanPtr plan = pg::prepare(text->data, parameters.types.data(),
                                  static_cast<std::size_t>(parameters.count), pg::Finds::by_index);
    pfree(text->data);
    return plan;
}

SPIPlanPtr prepare_search(const Search& search, const Layout& layout) {
    StringInfoData text;
    initStringInfo(&text);
    Parameters parameters;
    appendStringInfo(&text, "SELECT t.ctid%s FROM session_service.%s t", layout.select_list,
                     layout.name);
    const char* joint = " WHERE ";
    for (const Condition& condition : search.conditions()) {
        appendStringInfoString(&text, joint);
        const Type type = layout.column(condition.column).type;
        append_condition(&text, layout, condition,
                         condition.is == Is::null ? 0 : parameters.add(type_in_statements(type)));
        joint = " AND ";
    }
    if (search.is_purge()) {
        if (search.also() != nullptr) {
            appendStringInfo(&text, " AND %s", search.also());
        }
        appendStringInfo(&text, " ORDER BY t.%s LIMIT $%d FOR UPDATE SKIP LOCKED",
                         layout.column(search.conditions().front().column).name,
                         parameters.add(INT4OID));
    }
    return prepare_text(&text, parameters);
}

enum class Kind : std::uint8_t { insert, update, update_if_free, remove, lock, look };

// " WHERE the primary key is that of the row and the version is the one that was found".
// The key finds the row. The version is a condition that is judged anew on the version that a wait
// for another transaction ends with. As `ctid = $n` it would be the way to the row instead, which
// servers before the minor versions of November 2025 did not judge anew.
void append_version(StringInfo text, const Layout& layout, Parameters& parameters) {
    const Index& key = layout.indexes.front();
    appendStringInfoString(text, " WHERE ");
    for (int i = 0; i < key.size(); ++i) {
        const int column = key.columns[static_cast<std::size_t>(i)];
        const Oid type = type_in_statements(layout.column(column).type);
        append_condition(text, layout, {.column = column, .is = Is::equal}, parameters.add(type));
        appendStringInfoString(text, " AND ");
    }
    appendStringInfo(text, "NOT t.ctid IS DISTINCT FROM $%d", parameters.add(TIDOID));
}

void append_changes(StringInfo text, const Layout& layout, ColumnSet columns,
                    Parameters& parameters) {
    const char* joint = " SET ";
    for (int column = 1; column <= layout.column_count(); ++column) {
        if (contains(columns, column)) {
            const Type type = layout.column(column).type;
            appendStringInfo(text, "%s%s = ", joint, layout.column(column).name);
            append_parameter(text, parameters.add(type_in_statements(type)), type);
            joint = ", ";
        }
    }
}

void append_insert(StringInfo text, const Layout& layout, ColumnSet columns,
                   Parameters& parameters) {
    appendStringInfo(text, "INSERT INTO session_service.%s ", layout.name);
    const char* joint = "(";
    for (int column = 1; column <= layout.column_count(); ++column) {
        if (contains(columns, column)) {
            appendStringInfo(text, "%s%s", joint, layout.column(column).name);
            joint = ", ";
        }
    }
    joint = ") VALUES (";
    for (int column = 1; column <= layout.column_count(); ++column) {
        if (contains(columns, column)) {
            const Type type = layout.column(column).type;
            appendStringInfoString(text, joint);
            append_parameter(text, parameters.add(type_in_statements(type)), type);
            joint = ", ";
        }
    }
    appendStringInfoChar(text, ')');
}

SPIPlanPtr prepare_write(Kind kind, const Layout& layout, ColumnSet columns) {
    StringInfoData text;
    initStringInfo(&text);
    Parameters parameters;
    StringInfoData version;
    initStringInfo(&version);
    if (kind != Kind::insert) {
        append_version(&version, layout, parameters);
    }
    switch (kind) {
    case Kind::insert:
        append_insert(&text, layout, columns, parameters);
        break;
    case Kind::lock:
    case Kind::look:
        appendStringInfo(&text, "SELECT 1 FROM session_service.%s t%s%s", layout.name, version.data,
                         kind == Kind::lock ? " FOR NO KEY UPDATE" : "");
        break;
    case Kind::remove:
        appendStringInfo(&text, "DELETE FROM session_service.%s t%s", layout.name, version.data);
        break;
    case Kind::update:
    case Kind::update_if_free:
        appendStringInfo(&text, "UPDATE session_service.%s AS t", layout.name);
        append_changes(&text, layout, columns, parameters);
        appendStringInfoString(&text, version.data);
        if (kind == Kind::update_if_free) {
            appendStringInfo(&text,
                             " AND EXISTS (SELECT 1 FROM session_service.%s t%s"
                             " FOR NO KEY UPDATE SKIP LOCKED)",
                             layout.name, version.data);
        }
        break;
    }
    return prepare_text(&text, parameters);
}

// The statements that were made, each for one set of columns. There is room for the usual sets; a
// further one is made anew each time. None is ever dropped: a trigger that calls us again may find
// itself within one.
struct Kept {
    TableName table;
    Kind kind;
    ColumnSet columns;
    SPIPlanPtr plan;
};
std::array<Kept, 64> kept_statements;
std::size_t kept_count = 0;

SPIPlanPtr statement_for(Kind kind, const Layout& layout, ColumnSet columns) {
    for (const Kept& kept : std::span{kept_statements}.first(kept_count)) {
        if (kept.table == layout.table && kept.kind == kind && kept.columns == columns) {
            return kept.plan;
        }
    }
    SPIPlanPtr plan = prepare_write(kind, layout, columns);
    if (kept_count < kept_statements.size()) {
        kept_statements[kept_count++] = {
            .table = layout.table, .kind = kind, .columns = columns, .plan = pg::keep(plan)};
    }
    return plan;
}

// --- values

// A digest travels as bytea.
pg::Value travelling(pg::Value value, Type type) {
    return value.isnull || type != Type::digest ? value
                                                : pg::bytea_value(pg::to_digest(value.value));
}

struct Given {
    std::array<pg::Value, pg::most_parameters> values{};
    std::size_t count = 0;

    void add(pg::Value value) { values[count++] = value; }
};

void add_columns(Given& given, const Layout& layout, const Values& values, ColumnSet columns) {
    for (int column = 1; column <= layout.column_count(); ++column) {
        if (contains(columns, column)) {
            given.add(travelling(values.get(column), layout.column(column).type));
        }
    }
}

std::uint64_t write(const pg::OwnerScope& scope, Kind kind, const Layout& layout, ColumnSet columns,
                    const Given& given) {
    return pg::execute(scope, statement_for(kind, layout, columns), given.values.data(),
                       given.count, pg::Effect::writes)
        .count();
}

// The primary key of a row, and the version of it.
Given version_of(const RowView& row, const Layout& layout) {
    const Index& key = layout.indexes.front();
    Given version;
    for (int i = 0; i < key.size(); ++i) {
        const int column = key.columns[static_cast<std::size_t>(i)];
        SESSION_SERVICE_ASSERT(column <= row.last);
        version.add(travelling(pg::value(row.values[column - 1]), layout.column(column).type));
    }
    auto* tid = static_cast<ItemPointerData*>(palloc(sizeof(ItemPointerData)));
    *tid = row.tid;
    version.add(pg::value(PointerGetDatum(tid)));
    return version;
}

// Whether that is still the version to be seen: then it was not another transaction that kept a
// write from it.
bool is_still_there(const pg::OwnerScope& scope, const Layout& layout, const Given& version) {
    return pg::execute(scope, statement_for(Kind::look, layout, 0), version.values.data(),
                       version.count, pg::Effect::reads)
               .count() > 0;
}

// Nothing optional waits for a lock, a trigger's included; a millisecond is the least there is.
void wait_for_no_lock() {
    pg::set_for_level("lock_timeout", "1");
}

} // namespace

SqlEngine SqlEngine::open(const Layout& layout) {
    SqlEngine engine;
    engine.layout_ = &layout;
    return engine;
}

void SqlEngine::run(SearchValues values) {
    // The values may be of a row that was found before: they are copied first.
    MemoryContext previous = memory_;
    memory_ = AllocSetContextCreate(previous == nullptr ? CurrentMemoryContext
                                                        : MemoryContextGetParent(previous),
                                    "session_service rows", ALLOCSET_SMALL_SIZES);
    const MemoryContext caller = MemoryContextSwitchTo(memory_);
    Given given;
    const pg::Value* value = values.data();
    for (const Condition& condition : search_->conditions()) {
        if (condition.is != Is::null) {
            given.add(travelling(*value++, layout_->column(condition.column).type));
        }
    }
    if (search_->is_purge()) {
        given.add(*value);
    }
    // What is found outlives the scope: callers build their results from it.
    pg::within_owner_scope(owner(), [&](const pg::OwnerScope& scope) {
        if (search_->plan() == nullptr) {
            search_->plan() = pg::keep(prepare_search(*search_, *layout_));
        }
        const pg::Result found =
            pg::execute(scope, search_->plan(), given.values.data(), given.count,
                        search_->is_purge() ? pg::Effect::writes : pg::Effect::reads);
        const MemoryContext scope_memory = MemoryContextSwitchTo(memory_);
        count_ = found.count();
        next_ = 0;
        has_progressed_ = false;
        rows_ = static_cast<HeapTuple*>(palloc(count_ * sizeof(HeapTuple) + 1));
        descriptor_ = CreateTupleDescCopy(found.descriptor());
        for (std::uint64_t i = 0; i < count_; ++i) {
            rows_[i] = heap_copytuple(found.tuple(i));
        }
        MemoryContextSwitchTo(scope_memory);
    });
    MemoryContextSwitchTo(caller);
    if (previous != nullptr) {
        MemoryContextDelete(previous);
    }
}

std::optional<RowView> SqlEngine::find(Search& search, SearchValues values) {
    if (values_ == nullptr) {
        values_ = static_cast<std::array<Datum, most_columns + 1>*>(
            palloc0(sizeof(std::array<Datum, most_columns + 1>)));
        nulls_ = static_cast<std::array<bool, most_columns + 1>*>(
            palloc0(sizeof(std::array<bool, most_columns + 1>)));
    }
    search_ = &search;
    searched_count_ = values.size();
    std::ranges::copy(values, searched_.begin());
    run(values);
    return next();
}

// How many rows of a purge are found, and locked, at a time: the last value.
std::uint64_t SqlEngine::chunk_size() const {
    return static_cast<std::uint64_t>(DatumGetInt32(searched_[searched_count_ - 1].value));
}

std::optional<RowView> SqlEngine::next() {
    if (next_ == count_ && search_->is_purge() && has_progressed_ && count_ == chunk_size()) {
        run({searched_.data(), searched_count_});
    }
    if (next_ == count_) {
        return std::nullopt;
    }
    heap_deform_tuple(rows_[next_++], descriptor_, values_->data(), nulls_->data());
    return RowView{.values = values_->data() + 1,
                   .nulls = nulls_->data() + 1,
                   .last = layout_->column_count(),
                   .tid = *reinterpret_cast<ItemPointer>(DatumGetPointer(values_->front()))};
}

Outcome SqlEngine::lock(const RowView& row) {
    const Given version = version_of(row, *layout_);
    return pg::within_owner_scope(owner(), [&](const pg::OwnerScope& scope) {
        if (write(scope, Kind::lock, *layout_, 0, version) > 0) {
            return Outcome::done;
        }
        return is_still_there(scope, *layout_, version) ? Outcome::refused : Outcome::changed;
    });
}

void SqlEngine::insert(const Values& values) {
    // What is NULL is left out, so that a default counts that somebody gave the column.
    const ColumnSet columns = values.columns_with_value();
    Given given;
    add_columns(given, *layout_, values, columns);
    const std::uint64_t inserted =
        pg::within_owner_scope(owner(), [&](const pg::OwnerScope& scope) {
            return write(scope, Kind::insert, *layout_, columns, given);
        });
    if (inserted == 0) {
        ereport(ERROR, (errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
                        errmsg("a trigger or rule of table \"session_service.%s\" left out a row",
                               layout_->name)));
    }
}

Outcome SqlEngine::update(const RowView& row, const Values& values, IfHeld if_held) {
    const Given version = version_of(row, *layout_);
    Given given = version;
    add_columns(given, *layout_, values, values.columns());
    const Kind kind = if_held == IfHeld::leave ? Kind::update_if_free : Kind::update;
    const auto run_it = [&] {
        return pg::within_owner_scope(owner(), [&](const pg::OwnerScope& scope) {
            return write(scope, kind, *layout_, values.columns(), given) > 0;
        });
    };
    // Nothing is waited for, and so nothing newer locked, where a held row is left.
    const bool is_done =
        if_held == IfHeld::leave ? run_it() : pg::keep_if(pg::Errors::raise, run_it);
    has_progressed_ = has_progressed_ || is_done;
    if (is_done) {
        return Outcome::done;
    }
    if (if_held == IfHeld::leave) {
        return Outcome::held;
    }
    return pg::within_owner_scope(owner(), [&](const pg::OwnerScope& scope) {
        return is_still_there(scope, *layout_, version) ? Outcome::refused : Outcome::changed;
    });
}

Outcome SqlEngine::remove(const RowView& row) {
    const Given version = version_of(row, *layout_);
    const bool is_done = pg::within_owner_scope(owner(), [&](const pg::OwnerScope& scope) {
        return write(scope, Kind::remove, *layout_, 0, version) > 0;
    });
    has_progressed_ = has_progressed_ || is_done;
    return is_done ? Outcome::done : Outcome::refused;
}

Outcome SqlEngine::update_if_nothing_is_in_the_way(const RowView& row, const Values& values) {
    // What waits for COMMIT already is the caller's own.
    const int deferred_before = pg::count_deferred_work();
    Given given = version_of(row, *layout_);
    add_columns(given, *layout_, values, values.columns());
    const bool is_done = pg::keep_if(pg::Errors::swallow, [&] {
        return pg::within_owner_scope(owner(), [&](const pg::OwnerScope& scope) {
            wait_for_no_lock();
            return write(scope, Kind::update_if_free, *layout_, values.columns(), given) > 0 &&
                   pg::count_deferred_work() <= deferred_before;
        });
    });
    return is_done ? Outcome::done : Outcome::held;
}

void SqlEngine::close() {
    if (memory_ != nullptr) {
        MemoryContextDelete(memory_);
        memory_ = nullptr;
    }
}

} // namespace session_service::table
