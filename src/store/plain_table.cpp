// As in store/catalog.cpp: what is known of a table is cleared by the relcache callback, and found
// again on demand under a lock on the table, which every change that matters here conflicts with or
// waits for.

#include "store/plain_table.hpp"

#include "pg/schema.hpp"
#include "pg/table_insert.hpp"
#include "store/catalog.hpp"

#include <algorithm>

extern "C" {
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/reltrigger.h"
}

namespace session_service::store {

namespace {

// A column as the install script declares it.
struct Column {
    const char* name;
    Oid type;
};

// In place of token_hash, whose OID changes when the extension is created anew.
constexpr Oid digest_type = InvalidOid;

constexpr std::array<Column, users_column::count> users_columns{
    {{"user_id", UUIDOID}, {"bucket", INT2OID}, {"epoch", INT8OID}, {"max_sessions", INT4OID}}};
constexpr std::array<Column, devices_column::count> devices_columns{
    {{"id", UUIDOID},
     {"user_id", UUIDOID},
     {"key_hash", digest_type},
     {"first_seen_at", TIMESTAMPTZOID},
     {"last_seen_at", TIMESTAMPTZOID},
     {"purge_after", TIMESTAMPTZOID},
     {"bucket", INT2OID},
     {"is_keyed", BOOLOID},
     {"is_renamed", BOOLOID},
     {"trusted_until", TIMESTAMPTZOID},
     {"ip_address", INETOID},
     {"name", TEXTOID},
     {"user_agent", TEXTOID},
     {"browser", TEXTOID},
     {"os", TEXTOID},
     {"device_type", TEXTOID}}};
constexpr std::array<Column, column::count> sessions_columns{
    {{"id", UUIDOID},
     {"user_id", UUIDOID},
     {"device_id", UUIDOID},
     {"token_hash", digest_type},
     {"created_at", TIMESTAMPTZOID},
     {"last_activity_at", TIMESTAMPTZOID},
     {"expires_at", TIMESTAMPTZOID},
     {"purge_after", TIMESTAMPTZOID},
     {"session_expiry", INT8OID},
     {"refresh_expiry", INT8OID},
     {"inactivity_timeout", INT8OID},
     {"generation", INT4OID},
     {"bucket", INT2OID},
     {"secret_length", INT2OID},
     {"is_closed", BOOLOID},
     {"idle_expires_at", TIMESTAMPTZOID},
     {"refresh_expires_at", TIMESTAMPTZOID},
     {"absolute_expires_at", TIMESTAMPTZOID},
     {"revoked_at", TIMESTAMPTZOID},
     {"mfa_verified_at", TIMESTAMPTZOID},
     {"scopes", TEXTARRAYOID},
     {"metadata", JSONBOID},
     {"ip_address", INETOID},
     {"rotated_at", TIMESTAMPTZOID},
     {"refresh_hash", digest_type},
     {"previous_refresh_hash", digest_type},
     {"family_hash", digest_type},
     {"rotation_salt", BYTEAOID},
     {"mfa_method", TEXTOID},
     {"revoke_reason", TEXTOID}}};
constexpr std::array<Column, events_column::count> events_columns{{{"id", UUIDOID},
                                                                   {"at", TIMESTAMPTZOID},
                                                                   {"user_id", UUIDOID},
                                                                   {"session_id", UUIDOID},
                                                                   {"device_id", UUIDOID},
                                                                   {"bucket", INT2OID},
                                                                   {"kind", TEXTOID},
                                                                   {"ip_address", INETOID},
                                                                   {"reason", TEXTOID},
                                                                   {"detail", JSONBOID}}};

constexpr std::array<int, 2> users_index{users_column::user_id, users_column::bucket};
constexpr std::array<int, 3> devices_index{devices_column::user_id, devices_column::key_hash,
                                           devices_column::bucket};
constexpr std::array<int, 3> sessions_index{column::user_id, column::revoked_at, column::device_id};
constexpr std::array<int, 2> events_index{events_column::user_id, events_column::id};

struct Layout {
    const char* table;
    std::span<const Column> columns;
    std::span<const int> index_by_user;
    /// Whether its checks have to hold for what is written: not where no value changes.
    bool is_checked;
};

constexpr std::array<Layout, 4> layouts{{{"users", users_columns, users_index, false},
                                         {"devices", devices_columns, devices_index, true},
                                         {"sessions", sessions_columns, sessions_index, true},
                                         {"events", events_columns, events_index, true}}};

struct Knowledge {
    Oid relation = InvalidOid;
    bool is_plain = false;
    Oid index_by_user = InvalidOid;
    Oid digest_equality = InvalidOid; // of the second column, where it is a token_hash
};

std::array<Knowledge, layouts.size()> known;

void forget(Datum /*unused*/, Oid relation) {
    for (Knowledge& table : known) {
        if (relation == InvalidOid || relation == table.relation) {
            table = Knowledge{};
        }
    }
}

bool is_same(const FormData_pg_attribute& attribute, const Column& column) {
    const bool has_type = column.type == digest_type
                              ? attribute.attlen == static_cast<int>(sizeof(core::Digest))
                              : attribute.atttypid == column.type && attribute.atttypmod == -1;
    return has_type && std::strcmp(NameStr(attribute.attname), column.name) == 0;
}

// Whether these are its columns, and all others were dropped.
bool has_columns(TupleDesc descriptor, std::span<const Column> columns) {
    if (descriptor->natts < static_cast<int>(columns.size())) {
        return false;
    }
    int number = 0;
    for (const Column& column : columns) {
        if (!is_same(*TupleDescAttr(descriptor, number++), column)) {
            return false;
        }
    }
    while (number < descriptor->natts) {
        if (!TupleDescAttr(descriptor, number++)->attisdropped) {
            return false;
        }
    }
    return true;
}

bool has_key(Relation index, std::span<const int> columns) {
    const auto* form = index->rd_index;
    return index->rd_rel->relam == BTREE_AM_OID && form->indisvalid &&
           form->indnkeyatts == static_cast<int>(columns.size()) &&
           std::equal(columns.begin(), columns.end(), form->indkey.values);
}

Oid equality_of(Relation index, int key_column) {
    const Oid type = index->rd_opcintype[key_column - 1];
    return get_opcode(
        get_opfamily_member(index->rd_opfamily[key_column - 1], type, type, BTEqualStrategyNumber));
}

// Looks for the index by user; whether no index has an expression, which would be run.
bool examine_indexes(Relation heap, const Layout& layout, Knowledge& table) {
    bool is_plain = true;
    List* indexes = RelationGetIndexList(heap);
    ListCell* cell = nullptr;
    foreach (cell, indexes) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        is_plain = is_plain && RelationGetIndexExpressions(index) == NIL &&
                   RelationGetIndexPredicate(index) == NIL;
        if (has_key(index, layout.index_by_user)) {
            table.index_by_user = RelationGetRelid(index);
            table.digest_equality = equality_of(index, 2);
        }
        index_close(index, AccessShareLock);
    }
    list_free(indexes);
    return is_plain && OidIsValid(table.index_by_user);
}

Knowledge examine(Relation heap, const Layout& layout) {
    Knowledge table;
    table.relation = RelationGetRelid(heap);
    table.is_plain = is_local_heap(heap) && has_columns(RelationGetDescr(heap), layout.columns) &&
                     !needs_executor(heap, layout.is_checked) &&
                     examine_indexes(heap, layout, table);
    return table;
}

} // namespace

bool needs_executor(Relation heap, bool is_checked) {
    const TupleConstr* constraints = RelationGetDescr(heap)->constr;
    return heap->trigdesc != nullptr || heap->rd_rules != nullptr ||
           heap->rd_rel->relforcerowsecurity || heap->rd_rel->relispartition ||
           (constraints != nullptr &&
            ((is_checked && constraints->num_check > 0) || pg::has_generated_column(*constraints)));
}

void watch_plain_tables() {
    CacheRegisterRelcacheCallback(forget, 0);
}

std::optional<PlainTable> PlainTable::open(TableName name) {
    const auto number = static_cast<std::size_t>(name);
    const Layout& layout = layouts[number];
    constexpr int attempts = 2; // a stale OID is cleared by the very attempt to lock it
    for (int attempt = 0; attempt < attempts; ++attempt) {
        Knowledge& table = known[number];
        const Oid relation =
            OidIsValid(table.relation) ? table.relation : pg::find_table(layout.table);
        if (!OidIsValid(relation)) {
            break;
        }
        Relation heap = try_relation_open(relation, RowExclusiveLock);
        if (heap == nullptr) {
            table = Knowledge{};
            continue;
        }
        if (!OidIsValid(table.relation)) {
            table = examine(heap, layout);
        }
        if (!table.is_plain) {
            table_close(heap, NoLock);
            break;
        }
        PlainTable opened;
        opened.heap_ = heap;
        opened.index_by_user_ = table.index_by_user;
        opened.digest_equality_ = table.digest_equality;
        return opened;
    }
    return std::nullopt;
}

pg::IndexScan PlainTable::scan_by_user(Snapshot snapshot, std::span<ScanKeyData> keys) const {
    pg::IndexScan scan = pg::IndexScan::open(heap_, index_open(index_by_user_, AccessShareLock),
                                             snapshot, static_cast<int>(keys.size()));
    scan.find(keys);
    return scan;
}

bool PlainTable::insert(std::span<const pg::Value> values) const {
    TupleDesc descriptor = RelationGetDescr(heap_);
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i].isnull && TupleDescAttr(descriptor, static_cast<int>(i))->attnotnull) {
            return false;
        }
    }
    pg::insert_row(heap_, values);
    return true;
}

void PlainTable::close() {
    table_close(heap_, NoLock);
    heap_ = nullptr;
}

} // namespace session_service::store
