#include "pg/maintenance_state.hpp"

#include "pg/shared_memory.hpp"

extern "C" {
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/spin.h"
}

namespace session_service::pg {

namespace {

struct CleanedDatabase {
    Oid database; // none in an entry that is free
    LastCleanup last;
};

// Where more databases are cleaned, the one that was cleaned longest ago is forgotten.
constexpr std::size_t most_databases = 64;

struct SharedState {
    // The worker's process, or 0.
    pg_atomic_uint32 worker;
    // Of what follows.
    slock_t lock;
    std::array<CleanedDatabase, most_databases> databases;
};

SharedState* shared = nullptr;

void take_memory(void* memory, bool is_new) {
    static_assert(alignof(SharedState) <= shared_alignment);
    shared = static_cast<SharedState*>(memory);
    if (is_new) {
        pg_atomic_init_u32(&shared->worker, 0);
        SpinLockInit(&shared->lock);
        shared->databases.fill({.database = InvalidOid, .last = {}});
    }
}

// The entry of the current database, if it has one. REQUIRES: the lock.
CleanedDatabase* find_entry() {
    auto* found = std::ranges::find(shared->databases, MyDatabaseId, &CleanedDatabase::database);
    return found == shared->databases.end() ? nullptr : found;
}

// A free one tells of no time, which is before all others. REQUIRES: the lock.
CleanedDatabase* oldest_entry() {
    return std::ranges::min_element(shared->databases, {},
                                    [](const CleanedDatabase& entry) { return entry.last.at; });
}

void forget_worker(int /*code*/, Datum /*unused*/) {
    auto own = static_cast<std::uint32_t>(MyProcPid);
    (void)pg_atomic_compare_exchange_u32(&shared->worker, &own, 0);
}

} // namespace

void reserve_maintenance_state() {
    reserve_shared_memory("session_service maintenance", sizeof(SharedState), take_memory);
}

void note_cleanup(const LastCleanup& cleanup) {
    if (shared == nullptr) {
        return;
    }
    SpinLockAcquire(&shared->lock);
    CleanedDatabase* known = find_entry();
    *(known != nullptr ? known : oldest_entry()) = {.database = MyDatabaseId, .last = cleanup};
    SpinLockRelease(&shared->lock);
}

std::optional<LastCleanup> last_cleanup() {
    if (shared == nullptr) {
        return std::nullopt;
    }
    SpinLockAcquire(&shared->lock);
    const CleanedDatabase* known = find_entry();
    const auto last = known != nullptr ? std::optional{known->last} : std::nullopt;
    SpinLockRelease(&shared->lock);
    return last;
}

void note_worker() {
    if (shared == nullptr) {
        return;
    }
    pg_atomic_write_u32(&shared->worker, static_cast<std::uint32_t>(MyProcPid));
    before_shmem_exit(forget_worker, 0);
}

std::optional<bool> is_worker_running() {
    if (shared == nullptr) {
        return std::nullopt;
    }
    return pg_atomic_read_u32(&shared->worker) != 0;
}

} // namespace session_service::pg
