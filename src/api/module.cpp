// The library as the server loads it.

#include "pg/commit.hpp"
#include "pg/compat.hpp"
#include "pg/counters.hpp"
#include "pg/entry.hpp"
#include "pg/identity_setting.hpp"
#include "pg/maintenance_state.hpp"
#include "pg/notification.hpp"
#include "pg/planner.hpp"
#include "pg/settings.hpp"
#include "store/activity.hpp"
#include "store/open_sessions.hpp"
#include "table/access.hpp"
#include "table/engine.hpp"
#include "worker/launcher.hpp"

extern "C" {
SESSION_SERVICE_MODULE_MAGIC;

// The name by which the server finds it.
PGDLLEXPORT void _PG_init(void); // NOLINT(*-reserved-identifier)
}

extern "C" void _PG_init(void) {
    session_service::pg::guarded([] {
        session_service::pg::identity_setting::define();
        session_service::table::define_engine_settings();
        session_service::pg::define_notification_settings();
        session_service::pg::settings::define();
        session_service::pg::pin_planning();
        session_service::pg::reserve_counters();
        session_service::pg::reserve_maintenance_state();
        session_service::pg::watch_commits();
        session_service::table::watch_tables();
        session_service::store::watch_transactions();
        session_service::store::watch_open_sessions();
        session_service::worker::register_launcher();
        return 0;
    });
}
