// The callback only clears: it runs at any moment, and must not look anything up. DROP EXTENSION in
// another backend reaches it like any other change, at the latest as a lock on the table is taken.

#include "table/access.hpp"

#include "core/bytes.hpp"

#include "pg/compat.hpp"
#include "pg/schema.hpp"

extern "C" {
#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "rewrite/rewriteHandler.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/reltrigger.h"
#include "utils/syscache.h"
}

namespace session_service::table {

namespace {

std::array<Access, table_count> answers;

// Grows as anything is forgotten: what was found out meanwhile is not kept.
std::uint64_t forgotten = 0;

Access& answer_for(TableName table) {
    return answers[static_cast<std::size_t>(table)];
}

void forget(Datum /*unused*/, Oid relation) {
    for (Access& answer : answers) {
        if (relation == InvalidOid || relation == answer.relation) {
            answer = Access{};
        }
    }
    ++forgotten;
}

[[noreturn]] void raise_not_installed() {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                    errmsg("extension \"session_service\" is not installed in this database")));
    pg_unreachable();
}

// --- columns

Oid type_in_table(Type type) {
    return type == Type::digest
               ? GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("token_hash"),
                                 ObjectIdGetDatum(pg::find_schema()))
               : type_in_statements(type);
}

bool is_column_of_ours(const FormData_pg_attribute& attribute, const Column& column) {
    return !attribute.attisdropped && std::strcmp(NameStr(attribute.attname), column.name) == 0 &&
           attribute.atttypid == type_in_table(column.type) && attribute.atttypmod == -1;
}

// Whether the first columns are ours; how many there are behind them does not matter.
bool has_our_columns(TupleDesc descriptor, const Layout& layout) {
    if (descriptor->natts < layout.column_count()) {
        return false;
    }
    int number = 0;
    return std::ranges::all_of(layout.columns, [&](const Column& column) {
        return is_column_of_ours(*TupleDescAttr(descriptor, number++), column);
    });
}

void require_times(TupleDesc descriptor, const Layout& layout) {
    for (int number = 0; number < descriptor->natts; ++number) {
        const FormData_pg_attribute* attribute = TupleDescAttr(descriptor, number);
        const bool is_altered = std::ranges::any_of(layout.columns, [&](const Column& column) {
            return column.type == Type::timestamptz && !attribute->attisdropped &&
                   attribute->atttypid != TIMESTAMPTZOID &&
                   std::strcmp(NameStr(attribute->attname), column.name) == 0;
        });
        if (is_altered) {
            ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                            errmsg("column \"%s\" of table \"session_service.%s\" was altered",
                                   NameStr(attribute->attname), layout.name),
                            errdetail("It must be of type timestamp with time zone.")));
        }
    }
}

bool is_zero(const Node* value) {
    const auto* constant = reinterpret_cast<const Const*>(value);
    return IsA(value, Const) && !constant->constisnull && constant->constvalue == 0;
}

// Whether a row gets in this column what we would put there: the default is the one that it was
// made with, and so is what it takes. A column that somebody added gets NULL from us.
bool gets_what_we_put(Relation relation, int number, const Column* ours) {
    const FormData_pg_attribute* attribute = TupleDescAttr(RelationGetDescr(relation), number - 1);
    if (attribute->attisdropped) {
        return true;
    }
    const Node* const value = build_column_default(relation, number);
    const bool is_zeroed = ours != nullptr && ours->takes == Takes::zeroed;
    const bool takes_null = ours == nullptr || ours->takes == Takes::null;
    return (is_zeroed ? value != nullptr && is_zero(value) : value == nullptr) &&
           !(takes_null && attribute->attnotnull) &&
           (ours != nullptr || get_typtype(attribute->atttypid) != TYPTYPE_DOMAIN);
}

bool get_what_we_put(Relation relation, const Layout& layout) {
    for (int number = 1; number <= RelationGetNumberOfAttributes(relation); ++number) {
        const Column* ours = number <= layout.column_count() ? &layout.column(number) : nullptr;
        if (!gets_what_we_put(relation, number, ours)) {
            return false;
        }
    }
    return true;
}

// --- indexes

// Whether an operator family is of the server's or ours: its functions are C code that is known.
bool is_known_family(Oid family) {
    if (family < FirstNormalObjectId) {
        return true;
    }
    HeapTuple row = SearchSysCache1(OPFAMILYOID, ObjectIdGetDatum(family));
    if (!HeapTupleIsValid(row)) {
        return false;
    }
    const Oid schema = reinterpret_cast<Form_pg_opfamily>(GETSTRUCT(row))->opfnamespace;
    ReleaseSysCache(row);
    return schema == pg::find_schema();
}

bool has_known_families(Relation index) {
    const std::span families{
        index->rd_opfamily, static_cast<std::size_t>(IndexRelationGetNumberOfKeyAttributes(index))};
    return std::ranges::all_of(families, is_known_family);
}

// Whether an index has neither an expression nor a predicate. Not asked as the server does, which
// works them out, and may run somebody's function for that.
bool has_columns_alone(Relation index) {
    return heap_attisnull(index->rd_indextuple, Anum_pg_index_indexprs, nullptr) &&
           heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, nullptr);
}

// A btree by these columns, ascending, that has all rows.
bool is_by(Relation heap, Relation index, const Index& ours) {
    const auto* form = index->rd_index;
    if (index->rd_rel->relkind != RELKIND_INDEX || index->rd_rel->relam != BTREE_AM_OID ||
        !form->indisvalid || form->indnkeyatts < ours.size() ||
        (ours.is_unique && !form->indisunique) || !has_columns_alone(index) ||
        !has_known_families(index)) {
        return false;
    }
    for (int i = 0; i < ours.size(); ++i) {
        const int column = ours.columns[static_cast<std::size_t>(i)];
        if (form->indkey.values[i] != column || index->rd_indoption[i] != 0 ||
            index->rd_opcintype[i] != TupleDescAttr(RelationGetDescr(heap), column - 1)->atttypid) {
            return false;
        }
    }
    return true;
}

RegProcedure comparison(Relation index, int column, StrategyNumber strategy) {
    const Oid type = index->rd_opcintype[column];
    return get_opcode(
        get_opfamily_member(index->rd_opfamily[column], type, type, static_cast<int16>(strategy)));
}

IndexAccess access_by(Relation index, const Index& ours) {
    IndexAccess access;
    access.index = RelationGetRelid(index);
    for (int i = 0; i < ours.size(); ++i) {
        access.equals[static_cast<std::size_t>(i)] = comparison(index, i, BTEqualStrategyNumber);
        access.not_later[static_cast<std::size_t>(i)] =
            comparison(index, i, BTLessEqualStrategyNumber);
    }
    return access;
}

// Whether a new entry in the index is made by the server's code alone and cannot be refused but for
// what we would be refused for ourselves.
bool is_plain(Relation index, bool is_unique_as_ours) {
    const auto* form = index->rd_index;
    return has_columns_alone(index) && index->rd_rel->relam < FirstNormalObjectId &&
           has_known_families(index) && !form->indisexclusion &&
           (is_unique_as_ours || !form->indisunique);
}

struct Indexes {
    std::array<IndexAccess, most_indexes> ours{};
    bool has_all_of_ours = true;
    bool are_plain = true;
};

// Without a lock on the indexes, so that nobody waits for one that is moved or made anew: none goes
// while the table is locked, and what is looked at are definitions, whose changes tell forget().
Indexes examine_indexes(Relation heap, const Layout& layout) {
    Indexes found;
    List* const indexes = RelationGetIndexList(heap);
    const ListCell* cell = nullptr;
    foreach (cell, indexes) {
        Relation index = RelationIdGetRelation(lfirst_oid(cell));
        if (!RelationIsValid(index)) {
            found.are_plain = false;
            continue;
        }
        bool is_unique_as_ours = false;
        for (std::size_t i = 0; i < layout.indexes.size(); ++i) {
            if (is_by(heap, index, layout.indexes[i])) {
                if (!OidIsValid(found.ours[i].index)) {
                    found.ours[i] = access_by(index, layout.indexes[i]);
                }
                is_unique_as_ours = layout.indexes[i].is_unique &&
                                    index->rd_index->indnkeyatts == layout.indexes[i].size();
            }
        }
        found.are_plain = found.are_plain && is_plain(index, is_unique_as_ours);
        RelationClose(index);
    }
    list_free(indexes);
    for (std::size_t i = 0; i < layout.indexes.size(); ++i) {
        found.has_all_of_ours = found.has_all_of_ours && OidIsValid(found.ours[i].index);
    }
    return found;
}

// --- the table

// Whether Citus has the table among its own: distributed, a reference table or one that it manages.
bool is_of_citus(Oid relation) {
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

// docs/decisions/citus.md says why not.
void require_not_distributed(Relation relation, const Layout& layout) {
    if (is_of_citus(RelationGetRelid(relation))) {
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("table \"session_service.%s\" is managed by Citus", layout.name),
                 errdetail("Citus keeps neither the limits nor the revocations of sessions."),
                 errhint("Undistribute the table; several servers share the users by "
                         "session_service.buckets.")));
    }
}

// Whether it has a child. The flag stays for a while after the last one has gone.
bool is_parent(Relation relation) {
    return relation->rd_rel->relhassubclass &&
           find_inheritance_children(RelationGetRelid(relation), NoLock) != NIL;
}

// Whether its rows are in its own heap, all of them and no others, for everyone to see.
bool is_local_heap(Relation relation) {
    return relation->rd_rel->relkind == RELKIND_RELATION &&
           relation->rd_rel->relam == HEAP_TABLE_AM_OID && !is_parent(relation) &&
           !relation->rd_rel->relforcerowsecurity;
}

bool has_nothing_to_run_or_check(Relation relation) {
    const TupleConstr* constraints = RelationGetDescr(relation)->constr;
    return relation->trigdesc == nullptr && relation->rd_rules == nullptr &&
           !relation->rd_rel->relispartition &&
           (constraints == nullptr ||
            (constraints->num_check == 0 && !pg::has_generated_column(*constraints)));
}

bool has_deferrable_trigger(Relation relation) {
    const TriggerDesc* triggers = relation->trigdesc;
    if (triggers == nullptr) {
        return false;
    }
    const std::span all{triggers->triggers, static_cast<std::size_t>(triggers->numtriggers)};
    return std::ranges::any_of(all, [](const Trigger& trigger) { return trigger.tgdeferrable; });
}

// What another server does as it commits is not known before.
bool has_foreign_part(Relation relation) {
    if (relation->rd_rel->relkind == RELKIND_FOREIGN_TABLE) {
        return true;
    }
    if (!relation->rd_rel->relhassubclass) {
        return false;
    }
    List* const parts = find_all_inheritors(RelationGetRelid(relation), NoLock, nullptr);
    bool is_found = false;
    const ListCell* cell = nullptr;
    foreach (cell, parts) {
        is_found = is_found || get_rel_relkind(lfirst_oid(cell)) == RELKIND_FOREIGN_TABLE;
    }
    list_free(parts);
    return is_found;
}

Access examine(Relation relation, const Layout& layout) {
    require_times(RelationGetDescr(relation), layout);
    require_not_distributed(relation, layout);
    Access access;
    access.relation = RelationGetRelid(relation);
    access.owner = relation->rd_rel->relowner;
    const bool can_publish = pg::can_publish_changes(relation);
    access.takes_optional_writes =
        can_publish && !has_deferrable_trigger(relation) && !has_foreign_part(relation);
    if (!is_local_heap(relation) || !has_our_columns(RelationGetDescr(relation), layout)) {
        return access;
    }
    const Indexes indexes = examine_indexes(relation, layout);
    access.indexes = indexes.ours;
    access.is_read_directly = indexes.has_all_of_ours;
    access.is_written_directly = access.is_read_directly && indexes.are_plain && can_publish &&
                                 has_nothing_to_run_or_check(relation) &&
                                 get_what_we_put(relation, layout);
    return access;
}

Oid find(TableName table) {
    const Oid known = answer_for(table).relation;
    return OidIsValid(known) ? known : pg::find_table(layout_of(table).name);
}

// The answer for a table that is open. What takes no lock on the table may change it meanwhile,
// CREATE INDEX CONCURRENTLY for one: the next look decides.
Access find_answer(TableName table, Relation relation) {
    constexpr int attempts = 3;
    Access found;
    for (int attempt = 0; attempt < attempts; ++attempt) {
        const std::uint64_t before = forgotten;
        found = examine(relation, layout_of(table));
        if (forgotten == before) {
            answer_for(table) = found;
            break;
        }
    }
    return found;
}

bool lock_indexes_if_free(Relation relation, LOCKMODE mode) {
    List* const indexes = RelationGetIndexList(relation);
    bool are_locked = true;
    const ListCell* cell = nullptr;
    foreach (cell, indexes) {
        are_locked = are_locked && ConditionalLockRelationOid(lfirst_oid(cell), mode);
    }
    list_free(indexes);
    return are_locked;
}

} // namespace

Opened open(TableName table, LOCKMODE mode) {
    // While we waited for the lock the table may have gone, or another may have taken its name:
    // what is known of it is cleared by then at the latest, and the name is looked up again.
    for (Oid oid = find(table); OidIsValid(oid); oid = find(table)) {
        CHECK_FOR_INTERRUPTS();
        Relation relation = try_relation_open(oid, mode);
        const Access& known = answer_for(table);
        if (relation == nullptr) {
            answer_for(table) = Access{};
            continue;
        }
        if (!OidIsValid(known.relation) && pg::find_table(layout_of(table).name) != oid) {
            relation_close(relation, mode);
            continue;
        }
        return {.relation = relation,
                .access = OidIsValid(known.relation) ? known : find_answer(table, relation)};
    }
    raise_not_installed();
}

Oid owner() {
    const Access& known = answer_for(TableName::sessions);
    if (OidIsValid(known.relation)) {
        return known.owner;
    }
    const Opened opened = open(TableName::sessions, AccessShareLock);
    table_close(opened.relation, NoLock);
    return opened.access.owner;
}

bool lock_if_free(TableName table, LOCKMODE mode) {
    const Oid oid = find(table);
    if (!OidIsValid(oid) || !ConditionalLockRelationOid(oid, mode) || find(table) != oid) {
        return false;
    }
    Relation relation = try_relation_open(oid, NoLock);
    if (relation == nullptr) {
        return false;
    }
    bool is_locked = lock_indexes_if_free(relation, mode);
    if (is_locked && OidIsValid(relation->rd_rel->reltoastrelid)) {
        is_locked = ConditionalLockRelationOid(relation->rd_rel->reltoastrelid, mode);
        if (is_locked) {
            Relation toast = table_open(relation->rd_rel->reltoastrelid, NoLock);
            is_locked = lock_indexes_if_free(toast, mode);
            table_close(toast, NoLock);
        }
    }
    table_close(relation, NoLock);
    if (!is_locked) {
        UnlockRelationOid(oid, mode);
    }
    return is_locked;
}

bool lock_number_if_free(TableName table, std::uint32_t number) {
    return ConditionalLockDatabaseObject(find(table), number, 0, ExclusiveLock);
}

void lock_number(TableName table, std::uint32_t number) {
    LockDatabaseObject(find(table), number, 0, ExclusiveLock);
}

bool lock_extension_if_free() {
    const Oid extension = get_extension_oid("session_service", true);
    return OidIsValid(extension) &&
           ConditionalLockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock) &&
           OidIsValid(get_extension_oid("session_service", true));
}

void watch_tables() {
    CacheRegisterRelcacheCallback(forget, 0);
}

} // namespace session_service::table
