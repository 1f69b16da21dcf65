#include "pg/background_worker.hpp"

extern "C" {
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/wait_event.h"
}

namespace session_service::pg {

namespace {

BackgroundWorker describe(const WorkerKind& kind) {
    BackgroundWorker worker{};
    strlcpy(worker.bgw_name, kind.type, BGW_MAXLEN);
    strlcpy(worker.bgw_type, kind.type, BGW_MAXLEN);
    strlcpy(worker.bgw_library_name, "session_service", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, kind.function, BGW_MAXLEN);
    // Also for the worker without a database: only so does pg_stat_activity show it.
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    return worker;
}

// Prevails over the configuration, also when that is read again.
void override_setting(const char* name, const char* value) {
    SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

} // namespace

void register_worker(const WorkerKind& kind, int restart_seconds) {
    BackgroundWorker worker = describe(kind);
    worker.bgw_restart_time = restart_seconds;
    RegisterBackgroundWorker(&worker);
}

BackgroundWorkerHandle* start_worker(const WorkerKind& kind, Oid database,
                                     const char* database_name) {
    BackgroundWorker worker = describe(kind);
    (void)snprintf(worker.bgw_name, BGW_MAXLEN, "%s of %s", kind.type, database_name);
    worker.bgw_main_arg = ObjectIdGetDatum(database);
    worker.bgw_notify_pid = MyProcPid;
    BackgroundWorkerHandle* handle = nullptr;
    return RegisterDynamicBackgroundWorker(&worker, &handle) ? handle : nullptr;
}

bool has_ended(BackgroundWorkerHandle* worker) {
    pid_t pid = 0;
    return GetBackgroundWorkerPid(worker, &pid) == BGWH_STOPPED;
}

void stop_worker(BackgroundWorkerHandle* worker) {
    TerminateBackgroundWorker(worker);
}

void connect_without_database() {
    (void)pqsignal(SIGHUP, SignalHandlerForConfigReload);
    (void)pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
}

void connect_to_database(Oid database) {
    (void)pqsignal(SIGHUP, SignalHandlerForConfigReload);
    (void)pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
    // Nothing that a database's owner may set gets in the way: no object of theirs takes the place
    // of the server's, and no stricter isolation makes a batch fail.
    override_setting("search_path", "pg_catalog, pg_temp");
    override_setting("default_transaction_isolation", "read committed");
    // What a crash brings back is deleted again.
    override_setting("synchronous_commit", "off");
}

Wakeup wait_for_signal(std::optional<core::Micros> duration) {
    constexpr core::Micros micros_per_milli = 1000;
    int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;
    long timeout = -1;
    if (duration) {
        events |= WL_TIMEOUT;
        timeout = static_cast<long>(std::clamp<core::Micros>(
            (*duration + micros_per_milli - 1) / micros_per_milli, 0, INT_MAX));
    }
    (void)WaitLatch(MyLatch, events, timeout, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
    Wakeup wakeup;
    wakeup.is_told_to_end = ShutdownRequestPending != 0;
    if (ConfigReloadPending != 0) {
        ConfigReloadPending = 0;
        ProcessConfigFile(PGC_SIGHUP);
        wakeup.has_new_settings = true;
    }
    return wakeup;
}

void end_worker() {
    proc_exit(1);
}

void show_activity(const char* activity) {
    if (activity == nullptr) {
        // Also makes the statistics of what was done known.
        (void)pgstat_report_stat(true);
    }
    pgstat_report_activity(activity == nullptr ? STATE_IDLE : STATE_RUNNING, activity);
}

} // namespace session_service::pg
