#include "pg/database.hpp"

extern "C" {
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/lsyscache.h"
}

namespace session_service::pg {

std::optional<Oid> find_database(const char* name) {
    // No syscache and no index: without a database their entries cannot be built.
    std::optional<Oid> found;
    Relation databases = table_open(DatabaseRelationId, AccessShareLock);
    TableScanDesc scan = table_beginscan_catalog(databases, 0, nullptr);
    for (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection);
         HeapTupleIsValid(tuple) && !found; tuple = heap_getnext(scan, ForwardScanDirection)) {
        const auto* database = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
        // A limit below "none" marks what an interrupted DROP DATABASE left.
        if (std::strcmp(NameStr(database->datname), name) == 0 && database->datallowconn &&
            database->datconnlimit >= DATCONNLIMIT_UNLIMITED) {
            found = database->oid;
        }
    }
    table_endscan(scan);
    table_close(databases, AccessShareLock);
    return found;
}

const char* current_database_name() {
    return get_database_name(MyDatabaseId);
}

bool lock_current_database_if_free() {
    // The mode in which each backend that connects locks it for a moment.
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, MyDatabaseId, 0);
    return LockAcquire(&tag, RowExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

} // namespace session_service::pg
