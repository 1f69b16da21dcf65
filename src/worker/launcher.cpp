#include "worker/launcher.hpp"

#include "pg/background_worker.hpp"
#include "pg/database.hpp"
#include "pg/entry.hpp"
#include "pg/maintenance_state.hpp"
#include "pg/name_list.hpp"
#include "pg/settings.hpp"
#include "worker/cleanup.hpp"

extern "C" {
#include "miscadmin.h"

PGDLLEXPORT void session_service_launcher_main(Datum unused);
}

namespace session_service::worker {

namespace {

constexpr pg::WorkerKind launcher{.function = "session_service_launcher_main",
                                  .type = "session_service launcher"};

// After an end that nobody told the postmaster of.
constexpr int restart_seconds = 10;

// No setting of the wall clock moves a round.
using Clock = std::chrono::steady_clock;

struct ListedDatabase {
    NameData name;
    bool is_reported_missing;
};

// The launcher's state. The list is copied from the setting, since that may change in a round.
struct Rounds {
    MemoryContext memory = nullptr;
    const char* setting = "";
    std::span<ListedDatabase> databases;

    // The database that comes next in the current round; the number of them where none is left.
    std::size_t next = 0;
    Clock::time_point began;
    BackgroundWorkerHandle* running = nullptr;

    bool is_over() const { return next >= databases.size() && running == nullptr; }
};

// Takes over the list, and begins a round if it changed.
void read_list(Rounds& rounds) {
    const char* setting = pg::settings::maintenance_database();
    if (std::strcmp(setting, rounds.setting) == 0) {
        return;
    }
    MemoryContextReset(rounds.memory);
    MemoryContext caller = MemoryContextSwitchTo(rounds.memory);
    rounds.setting = pstrdup(setting);
    const List* names = pg::split_names(setting).names;
    const auto count = static_cast<std::size_t>(list_length(names));
    auto* databases = static_cast<ListedDatabase*>(palloc0(sizeof(ListedDatabase) * (count + 1)));
    for (std::size_t i = 0; i < count; ++i) {
        strlcpy(NameStr(databases[i].name),
                static_cast<const char*>(list_nth(names, static_cast<int>(i))), NAMEDATALEN);
    }
    MemoryContextSwitchTo(caller);
    rounds.databases = {databases, count};
    // A worker that still runs goes on, and the new round waits for it.
    rounds.next = 0;
    rounds.began = Clock::now();
}

// Starts the worker of the round's next database, past those that are not there: each is told of
// once.
void start_next(Rounds& rounds) {
    while (rounds.next < rounds.databases.size() && rounds.running == nullptr) {
        ListedDatabase& database = rounds.databases[rounds.next];
        const char* name = NameStr(database.name);
        const auto oid = pg::in_transaction([name] { return pg::find_database(name); });
        ++rounds.next;
        if (!oid) {
            if (!database.is_reported_missing) {
                ereport(LOG, (errmsg("session_service cannot clean database \"%s\"", name),
                              errdetail("It does not exist, or accepts no connections.")));
            }
            database.is_reported_missing = true;
            continue;
        }
        database.is_reported_missing = false;
        rounds.running = pg::start_worker(cleanup_worker, *oid, name);
        if (rounds.running == nullptr) {
            ereport(LOG,
                    (errmsg("session_service cannot clean database \"%s\" in this round", name),
                     errdetail("All background workers are in use."),
                     errhint("Consider increasing max_worker_processes.")));
        }
    }
}

core::Micros time_to_next_round(const Rounds& rounds) {
    const auto passed =
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - rounds.began);
    return pg::settings::cleanup_interval() - core::Micros{passed.count()};
}

// Moves on as far as possible without waiting.
void advance(Rounds& rounds) {
    if (rounds.running != nullptr && pg::has_ended(rounds.running)) {
        pfree(rounds.running);
        rounds.running = nullptr;
    }
    if (rounds.is_over() && time_to_next_round(rounds) <= core::Micros{0}) {
        rounds.next = 0;
        rounds.began = Clock::now();
    }
    start_next(rounds);
}

// How long nothing happens of itself: until a signal where a worker runs, or where nothing is
// listed.
std::optional<core::Micros> time_to_wait(const Rounds& rounds) {
    if (!rounds.is_over() || rounds.databases.empty()) {
        return std::nullopt;
    }
    return time_to_next_round(rounds);
}

[[noreturn]] void run_launcher() {
    pg::connect_without_database();
    pg::note_worker();
    ereport(LOG, (errmsg("%s started", launcher.type)));
    Rounds rounds;
    rounds.memory =
        AllocSetContextCreate(TopMemoryContext, "session_service launcher", ALLOCSET_SMALL_SIZES);
    read_list(rounds);
    for (;;) {
        advance(rounds);
        const pg::Wakeup wakeup = pg::wait_for_signal(time_to_wait(rounds));
        if (wakeup.is_told_to_end) {
            // The next launcher knows nothing of it, and would start another beside it.
            if (rounds.running != nullptr) {
                pg::stop_worker(rounds.running);
            }
            pg::end_worker();
        }
        if (wakeup.has_new_settings) {
            read_list(rounds);
        }
    }
}

} // namespace

void register_launcher() {
    // pg_upgrade moves tables behind the server's back.
    if (process_shared_preload_libraries_in_progress && !IsBinaryUpgrade) {
        pg::register_worker(launcher, restart_seconds);
    }
}

} // namespace session_service::worker

extern "C" void session_service_launcher_main(Datum /*unused*/) {
    session_service::pg::guarded([] { session_service::worker::run_launcher(); });
}
