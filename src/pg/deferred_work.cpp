#include "pg/deferred_work.hpp"

#include "pg/prelude.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
}

namespace session_service::pg {

int count_deferred_work() {
    Relation triggers = table_open(TriggerRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(triggers, InvalidOid, false, nullptr, 0, nullptr);
    int count = 0;
    HeapTuple row = nullptr;
    while (HeapTupleIsValid(row = systable_getnext(scan))) {
        const auto* trigger = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(row));
        count += trigger->tgdeferrable && AfterTriggerPendingOnRel(trigger->tgrelid) ? 1 : 0;
    }
    systable_endscan(scan);
    table_close(triggers, AccessShareLock);
    return count;
}

} // namespace session_service::pg
