#include "pg/counters.hpp"

#include "pg/shared_memory.hpp"

extern "C" {
#include "miscadmin.h"
#include "port/atomics.h"
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

void take_memory(void* memory, bool is_new) {
    static_assert(alignof(SharedCounters) <= shared_alignment);
    shared = static_cast<SharedCounters*>(memory);
    if (is_new) {
        shared->since = now();
        for (Stripe& stripe : shared->stripes) {
            for (pg_atomic_uint64& counter : stripe.counts) {
                pg_atomic_init_u64(&counter, 0);
            }
        }
    }
}

} // namespace

void reserve_counters() {
    reserve_shared_memory("session_service counters", sizeof(SharedCounters), take_memory);
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
