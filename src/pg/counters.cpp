#include "pg/counters.hpp"

extern "C" {
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
}

namespace session_service::pg {

namespace {

// Backends spread over stripes, each with cache lines of its own, so that counting on one core does
// not slow it on the others.
constexpr std::size_t stripe_count = 16;

struct alignas(128) Stripe {
    std::array<pg_atomic_uint64, counter_count> counts;
};

struct SharedCounters {
    Micros since;
    std::array<Stripe, stripe_count> stripes;
};

SharedCounters* shared = nullptr;
shmem_request_hook_type previous_request_hook = nullptr;
shmem_startup_hook_type previous_startup_hook = nullptr;

// ShmemInitStruct aligns to cache lines of its own size: room to align to ours.
constexpr std::size_t shared_size = sizeof(SharedCounters) + alignof(SharedCounters);

void request_memory() {
    if (previous_request_hook != nullptr) {
        previous_request_hook();
    }
    RequestAddinShmemSpace(shared_size);
}

SharedCounters* aligned(void* memory) {
    std::size_t room = shared_size;
    return static_cast<SharedCounters*>(
        std::align(alignof(SharedCounters), sizeof(SharedCounters), memory, room));
}

void initialize_memory() {
    if (previous_startup_hook != nullptr) {
        previous_startup_hook();
    }
    bool found = false;
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    shared = aligned(ShmemInitStruct("session_service counters", shared_size, &found));
    if (!found) {
        shared->since = now();
        for (Stripe& stripe : shared->stripes) {
            for (pg_atomic_uint64& counter : stripe.counts) {
                pg_atomic_init_u64(&counter, 0);
            }
        }
    }
    LWLockRelease(AddinShmemInitLock);
}

} // namespace

void reserve_counters() {
    if (!process_shared_preload_libraries_in_progress) {
        return;
    }
    previous_request_hook = shmem_request_hook;
    shmem_request_hook = request_memory;
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = initialize_memory;
}

void count(Counter counter, std::uint64_t by) {
    if (shared == nullptr) {
        return;
    }
    Stripe& stripe = shared->stripes[static_cast<std::size_t>(MyProcPid) % stripe_count];
    (void)pg_atomic_fetch_add_u64(&stripe.counts[static_cast<std::size_t>(counter)],
                                  static_cast<std::int64_t>(by));
}

std::optional<Counts> read_counters() {
    if (shared == nullptr) {
        return std::nullopt;
    }
    Counts total{.since = shared->since, .counts = {}};
    for (Stripe& stripe : shared->stripes) {
        for (std::size_t i = 0; i < counter_count; ++i) {
            total.counts[i] += pg_atomic_read_u64(&stripe.counts[i]);
        }
    }
    return total;
}

} // namespace session_service::pg
