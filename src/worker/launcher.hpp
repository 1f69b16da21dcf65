// The maintenance worker: deletes what is over, in the databases that a setting lists.
//
// Two kinds of processes, as the server's own autovacuum has them. The launcher is always there,
// without a database. Each cleanup_interval, and whenever the list changes, it starts a round: one
// cleanup worker after another, one for each database listed, so that the whole takes two of
// max_worker_processes. A cleanup worker ends when there is nothing left to delete. So no database
// has a process of ours connected for longer than the cleanup needs.
//
//   launcher:  wait -> round is due -> for each database: start a worker, wait until it has ended
//   worker:    connect -> batch, pause, batch, ... -> end
//
// An error ends a worker, and the next round tries again. The launcher, if it ends, is started
// again by the postmaster. Without shared_preload_libraries, or in recovery, there is none.
#pragma once

#include "pg/prelude.hpp"

namespace session_service::worker {

/// Registers the launcher; does nothing where libraries are not being preloaded.
void register_launcher();

} // namespace session_service::worker
