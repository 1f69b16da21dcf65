// By parse nodes instead of text: there is no role name to quote.

#include "pg/privileges.hpp"

#include "pg/schema.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "parser/parse_type.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

namespace session_service::pg {

namespace {

template <typename Type>
Type* make_node(NodeTag tag) {
    auto* node = static_cast<Type*>(palloc0(sizeof(Type)));
    reinterpret_cast<Node*>(node)->type = tag;
    return node;
}

Node* string_node(const char* text) {
    return reinterpret_cast<Node*>(makeString(pstrdup(text)));
}

// A function by its schema, name and argument types.
Node* function_node(Oid function) {
    HeapTuple row = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(row)) {
        elog(ERROR, "cache lookup failed for function %u", function);
    }
    const auto* procedure = reinterpret_cast<Form_pg_proc>(GETSTRUCT(row));
    auto* object = make_node<ObjectWithArgs>(T_ObjectWithArgs);
    object->objname =
        list_make2(string_node(schema_name), string_node(NameStr(procedure->proname)));
    for (int i = 0; i < procedure->pronargs; ++i) {
        object->objargs =
            lappend(object->objargs, makeTypeNameFromOid(procedure->proargtypes.values[i], -1));
    }
    ReleaseSysCache(row);
    return reinterpret_cast<Node*>(object);
}

void grant(Oid role, bool is_grant, ObjectType type, List* objects, const char* privilege) {
    auto* grantee = make_node<RoleSpec>(T_RoleSpec);
    grantee->roletype = ROLESPEC_CSTRING;
    grantee->rolename = GetUserNameFromId(role, false);
    grantee->location = -1;
    auto* access = make_node<AccessPriv>(T_AccessPriv);
    access->priv_name = pstrdup(privilege);
    auto* statement = make_node<GrantStmt>(T_GrantStmt);
    statement->is_grant = is_grant;
    statement->targtype = ACL_TARGET_OBJECT;
    statement->objtype = type;
    statement->objects = objects;
    statement->privileges = list_make1(access);
    statement->grantees = list_make1(grantee);
    statement->behavior = DROP_RESTRICT;
    ExecuteGrantStmt(statement);
    CommandCounterIncrement();
}

} // namespace

bool role_exists(Oid role) {
    return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role));
}

Value role_name(Oid role) {
    return value(DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(role, false))));
}

void grant_usage(Oid role, bool is_grant) {
    grant(role, is_grant, OBJECT_SCHEMA, list_make1(string_node(schema_name)), "usage");
}

std::span<const FunctionName> extension_functions() {
    constexpr std::size_t most = 512;
    auto* functions = static_cast<FunctionName*>(palloc(most * sizeof(FunctionName)));
    std::size_t count = 0;
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_proc_pronamespace, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(get_namespace_oid(schema_name, false)));
    // A function that a DBA added to the schema is none of ours.
    const Oid extension = get_extension_oid("session_service", false);
    Relation procedures = table_open(ProcedureRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(procedures, InvalidOid, false, nullptr, 1, &key);
    HeapTuple row = nullptr;
    while (HeapTupleIsValid(row = systable_getnext(scan)) && count < most) {
        const auto* procedure = reinterpret_cast<Form_pg_proc>(GETSTRUCT(row));
        if (getExtensionOfObject(ProcedureRelationId, procedure->oid) != extension) {
            continue;
        }
        functions[count++] = {.id = procedure->oid, .name = pstrdup(NameStr(procedure->proname))};
    }
    systable_endscan(scan);
    table_close(procedures, AccessShareLock);
    return {functions, count};
}

void grant_execute_on(Oid role, bool is_grant, std::span<const Oid> functions) {
    List* objects = NIL;
    for (const Oid function : functions) {
        objects = lappend(objects, function_node(function));
    }
    if (objects != NIL) {
        grant(role, is_grant, OBJECT_FUNCTION, objects, "execute");
    }
}

} // namespace session_service::pg
