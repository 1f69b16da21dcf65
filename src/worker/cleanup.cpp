#include "worker/cleanup.hpp"

#include "pg/database.hpp"
#include "pg/entry.hpp"
#include "pg/name_list.hpp"
#include "pg/settings.hpp"
#include "service/maintenance.hpp"
#include "table/access.hpp"

extern "C" {
#include "access/xact.h"
#include "access/xlog.h"

PGDLLEXPORT void session_service_cleanup_main(Datum database);
}

namespace session_service::worker {

namespace {

using service::Cleaned;

// Leaves the disk to others between batches.
constexpr core::Micros pause_between_batches = core::micros_per_second / 10;

// Whether the current database is still in the list.
bool is_listed() {
    return pg::in_transaction([] {
        const char* own_name = pg::current_database_name();
        const List* names = pg::split_names(pg::settings::maintenance_database()).names;
        const ListCell* cell = nullptr;
        bool found = false;
        foreach (cell, names) {
            found = found || (own_name != nullptr &&
                              std::strcmp(static_cast<const char*>(lfirst(cell)), own_name) == 0);
        }
        return found;
    });
}

// Whether there is something to clean, which nobody is taking away or altering at this moment.
// Keeps it so until the transaction ends.
bool may_clean() {
    return !XactReadOnly && !RecoveryInProgress() && pg::lock_current_database_if_free() &&
           table::lock_extension_if_free() &&
           table::lock_if_free(table::TableName::sessions, RowExclusiveLock);
}

// One batch, or nothing where it may not be.
std::optional<Cleaned> clean_batch() {
    return pg::in_transaction([]() -> std::optional<Cleaned> {
        if (!may_clean()) {
            return std::nullopt;
        }
        pg::show_activity("session_service: deleting a batch of what is over");
        return service::clean_up(std::nullopt, std::nullopt);
    });
}

struct Run {
    Cleaned total;
    core::Micros duration = 0;
};

// Batches until one is not full. Monitoring sees the run as it goes on.
Run clean() {
    const auto began = service::DurationClock::now();
    Run run;
    for (;;) {
        const auto batch = clean_batch();
        pg::show_activity(nullptr);
        if (!batch) {
            return run;
        }
        run.total.add(*batch);
        run.duration = service::note_cleanup(run.total, began);
        if (!batch->has_more) {
            return run;
        }
        if (pg::wait_for_signal(pause_between_batches).has_new_settings && !is_listed()) {
            return run;
        }
    }
}

// A round that found nothing says so only to who wants to know more: there may be one a second.
void run_cleanup(Oid database) {
    pg::connect_to_database(database);
    const Run run = clean();
    ereport(
        run.total.rows() > 0 ? LOG : DEBUG1,
        (errmsg("%s: deleted %lld sessions, %lld events and %lld devices in %.3f s",
                MyBgworkerEntry->bgw_name, static_cast<long long>(run.total.sessions),
                static_cast<long long>(run.total.events), static_cast<long long>(run.total.devices),
                static_cast<double>(run.duration) / core::micros_per_second)));
}

} // namespace

} // namespace session_service::worker

extern "C" void session_service_cleanup_main(Datum database) {
    session_service::pg::guarded(
        [database] { session_service::worker::run_cleanup(DatumGetObjectId(database)); });
}
