// The cached answer is cleared by the relcache callback and found again on demand. The callback
// only clears: it runs at any moment, and must not look anything up. DROP EXTENSION in another
// backend reaches it like any other change, at the latest as a lock on the table is taken.

#include "store/catalog.hpp"

#include "pg/schema.hpp"
#include "store/plain_table.hpp"

extern "C" {
#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
}

namespace session_service::store {

namespace {

SessionsTable cached;

void forget(Datum /*unused*/, Oid relation) {
    if (relation == InvalidOid || relation == cached.relation) {
        cached = SessionsTable{};
    }
}

Oid find_sessions() {
    return pg::find_table("sessions");
}

[[noreturn]] void raise_not_installed() {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                    errmsg("extension \"session_service\" is not installed in this database")));
    pg_unreachable();
}

// Whether Citus has spread the table over other nodes: its rows are then not in its own heap.
bool is_distributed(Oid relation) {
    if (!OidIsValid(get_extension_oid("citus", true))) {
        return false;
    }
    const Oid registry = get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE);
    if (!OidIsValid(registry)) {
        return false;
    }
    ScanKeyData key;
    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
    Relation partitions = table_open(registry, AccessShareLock);
    SysScanDesc scan = systable_beginscan(partitions, InvalidOid, false, nullptr, 1, &key);
    const bool found = HeapTupleIsValid(systable_getnext(scan));
    systable_endscan(scan);
    table_close(partitions, AccessShareLock);
    return found;
}

bool is_plain_primary_key(Oid index_id) {
    if (!OidIsValid(index_id)) {
        return false;
    }
    Relation index = index_open(index_id, AccessShareLock);
    const bool plain = index->rd_rel->relkind == RELKIND_INDEX &&
                       index->rd_rel->relam == BTREE_AM_OID && index->rd_index->indisvalid &&
                       index->rd_index->indkey.values[0] == column::id;
    index_close(index, AccessShareLock);
    return plain;
}

bool is_named(TupleDesc descriptor, int number, const char* name) {
    return descriptor->natts >= number &&
           std::strcmp(NameStr(TupleDescAttr(descriptor, number - 1)->attname), name) == 0;
}

bool has_expected_columns(TupleDesc descriptor) {
    return is_named(descriptor, column::id, "id") &&
           is_named(descriptor, column::token_hash, "token_hash") &&
           is_named(descriptor, column::is_closed, "is_closed") &&
           is_named(descriptor, column::metadata, "metadata") &&
           is_named(descriptor, column::revoke_reason, "revoke_reason");
}

SessionsTable examine(Relation sessions) {
    SessionsTable table;
    table.relation = RelationGetRelid(sessions);
    table.owner = sessions->rd_rel->relowner;
    table.primary_key = pg::primary_key_index(sessions);
    table.is_plain = is_local_heap(sessions) && has_expected_columns(RelationGetDescr(sessions)) &&
                     is_plain_primary_key(table.primary_key);
    return table;
}

} // namespace

bool is_local_heap(Relation table) {
    return table->rd_rel->relkind == RELKIND_RELATION &&
           table->rd_rel->relam == HEAP_TABLE_AM_OID && !table->rd_rel->relhassubclass &&
           !is_distributed(RelationGetRelid(table));
}

void watch_catalog() {
    CacheRegisterRelcacheCallback(forget, 0);
    watch_plain_tables();
}

const SessionsTable& sessions_table() {
    if (!OidIsValid(cached.relation)) {
        Relation sessions = open_sessions(AccessShareLock);
        table_close(sessions, NoLock);
    }
    return cached;
}

bool lock_extension_if_free() {
    const Oid extension = get_extension_oid("session_service", true);
    return OidIsValid(extension) &&
           ConditionalLockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock) &&
           OidIsValid(get_extension_oid("session_service", true));
}

bool lock_sessions_if_free(LOCKMODE mode) {
    const Oid relation = find_sessions();
    return OidIsValid(relation) && ConditionalLockRelationOid(relation, mode) &&
           OidIsValid(find_sessions());
}

Relation open_sessions(LOCKMODE mode) {
    constexpr int attempts = 2; // a stale OID is cleared by the very attempt to lock it
    for (int attempt = 0; attempt < attempts; ++attempt) {
        const Oid relation = OidIsValid(cached.relation) ? cached.relation : find_sessions();
        if (!OidIsValid(relation)) {
            break;
        }
        Relation sessions = try_relation_open(relation, mode);
        if (sessions == nullptr) {
            cached = SessionsTable{};
            continue;
        }
        if (!OidIsValid(cached.relation)) {
            cached = examine(sessions);
        }
        return sessions;
    }
    raise_not_installed();
}

} // namespace session_service::store
