// What background workers need of the server: registration, the connection, signals, waiting and
// transactions. A worker's main function is an entry point like any other: it goes through guarded.
#pragma once

#include "core/lifetime.hpp"

#include "pg/prelude.hpp"

extern "C" {
#include "access/xact.h"
#include "postmaster/bgworker.h"
#include "utils/snapmgr.h"
}

namespace session_service::pg {

/// A background worker of this library.
struct WorkerKind {
    /// The exported function that it runs.
    const char* function;
    /// What pg_stat_activity shows as backend_type.
    const char* type;
};

/// Registers a worker that the postmaster keeps running on a server that is not in recovery: it
/// comes back `restart_seconds` after it ended with an exit code other than 0. Only while libraries
/// are preloaded.
void register_worker(const WorkerKind& kind, int restart_seconds);

/// Starts a worker that runs once, in the database `database`, and sets the caller's latch when its
/// state changes. Null where max_worker_processes leaves no room. The handle is allocated in the
/// current memory context.
BackgroundWorkerHandle* start_worker(const WorkerKind& kind, Oid database,
                                     const char* database_name);

/// Whether that worker has ended.
bool has_ended(BackgroundWorkerHandle* worker);

/// Ends that worker, without waiting for it.
void stop_worker(BackgroundWorkerHandle* worker);

/// Prepares the current worker to run without a database: it sees shared catalogs only, and no DROP
/// DATABASE waits for it. SIGTERM asks it to end, see Wakeup.
void connect_without_database();

/// Prepares the current worker to run in a database, as the bootstrap superuser, with settings that
/// suit maintenance. SIGTERM ends it like any backend, at the next check for interrupts.
void connect_to_database(Oid database);

/// What a worker has to look at when a wait is over.
struct Wakeup {
    bool is_told_to_end = false;
    /// The configuration was read again.
    bool has_new_settings = false;
};

/// Waits for a signal, or for `duration` microseconds at most (none: for ever), and reads the
/// configuration again where it was told to. Ends the process with the postmaster.
Wakeup wait_for_signal(std::optional<core::Micros> duration);

/// Ends the current worker such that the postmaster starts it again.
[[noreturn]] void end_worker();

/// What pg_stat_activity shows as the current worker's query; null while it waits.
void show_activity(const char* activity);

/// Runs `body` in a transaction of its own, with a snapshot. An error needs no clean-up: it ends
/// the worker. What it returns must not refer to memory of the transaction.
template <typename Body>
auto in_transaction(Body&& body) {
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    PushActiveSnapshot(GetTransactionSnapshot());
    auto result = std::forward<Body>(body)();
    PopActiveSnapshot();
    CommitTransactionCommand();
    return result;
}

} // namespace session_service::pg
