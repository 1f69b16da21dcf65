// The library as the server loads it.

#include "pg/commit.hpp"
#include "pg/counters.hpp"
#include "pg/entry.hpp"
#include "pg/identity_setting.hpp"
#include "pg/planner.hpp"
#include "pg/settings.hpp"
#include "store/activity.hpp"
#include "store/catalog.hpp"
#include "worker/launcher.hpp"

extern "C" {
PG_MODULE_MAGIC;

// The name by which the server finds it.
PGDLLEXPORT void _PG_init(void); // NOLINT(*-reserved-identifier)
}

extern "C" void _PG_init(void) {
    session_service::pg::guarded([] {
        session_service::pg::identity_setting::define();
        session_service::pg::settings::define();
        session_service::pg::plan_for_large_tables();
        session_service::pg::reserve_counters();
        session_service::pg::watch_commits();
        session_service::store::watch_catalog();
        session_service::store::watch_transactions();
        session_service::worker::register_launcher();
        return 0;
    });
}
