#include "client/measure.hpp"

#include "client/histogram.hpp"
#include "client/postgres.hpp"

#include <sched.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <thread>

namespace bench {

namespace {

using Clock = std::chrono::steady_clock;

/// The processors that this process may use.
std::vector<int> usable_processors() {
    cpu_set_t usable;
    if (sched_getaffinity(0, sizeof usable, &usable) != 0) {
        throw Failure("cannot find out the processors");
    }
    std::vector<int> processors;
    for (int i = 0; i < CPU_SETSIZE; ++i) {
        if (CPU_ISSET(i, &usable)) {
            processors.push_back(i);
        }
    }
    return processors;
}

/// Binds a process, or the calling thread for 0, to a processor.
void pin(int pid, int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    if (sched_setaffinity(pid, sizeof set, &set) != 0) {
        throw Failure("cannot bind process " + std::to_string(pid) + " to a processor");
    }
}

/// What one client did in one slice, or all did in all.
struct Work {
    std::uint64_t units = 0;
    std::uint64_t calls = 0;
    Histogram latencies;
};

void work_for(Side& side, Clock::time_point end, Work& work) {
    Clock::time_point before = Clock::now();
    while (before < end) {
        work.units += side.once();
        ++work.calls;
        const Clock::time_point after = Clock::now();
        work.latencies.add(static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::nanoseconds>(after - before).count()));
        before = after;
    }
}

/// Clients that all run slices of one side after another.
class Crew {
  public:
    Crew(const std::vector<Plan>& plans, std::size_t clients, bool pinned)
        : sides_(clients), slices_(clients), start_(static_cast<std::ptrdiff_t>(clients) + 1),
          end_(static_cast<std::ptrdiff_t>(clients) + 1) {
        const std::vector<int> processors = usable_processors();
        for (std::size_t i = 0; i < clients; ++i) {
            for (const Plan& plan : plans) {
                sides_[i].push_back(make_side(plan.side, {plan.tickets, i, clients}));
                if (pinned) {
                    pin(sides_[i].back()->server_pid(), processors[i % processors.size()]);
                }
            }
        }
        for (std::size_t i = 0; i < clients; ++i) {
            threads_.emplace_back([this, i, pinned, processor = processors[i % processors.size()]] {
                if (pinned) {
                    pin(0, processor);
                }
                attend(i);
            });
        }
    }

    Crew(const Crew&) = delete;
    Crew(Crew&&) = delete;
    Crew& operator=(const Crew&) = delete;
    Crew& operator=(Crew&&) = delete;

    ~Crew() {
        task_ = Task::end;
        start_.arrive_and_wait();
        for (std::thread& thread : threads_) {
            thread.join();
        }
    }

    /// Every client warms this side up.
    void warm_up(std::size_t side) {
        task_ = Task::warm_up;
        side_ = side;
        let_all_run();
    }

    /// Runs a slice; its work is added to `total`. Returns units of work a second.
    double slice(std::size_t side, double seconds, Work& total) {
        task_ = Task::slice;
        side_ = side;
        const Clock::time_point begin = Clock::now();
        deadline_ = begin + std::chrono::duration_cast<Clock::duration>(
                                std::chrono::duration<double>(seconds));
        let_all_run();
        const double passed = std::chrono::duration<double>(Clock::now() - begin).count();
        std::uint64_t units = 0;
        for (Work& work : slices_) {
            units += work.units;
            total.calls += work.calls;
            total.latencies.add(work.latencies);
            work = {};
        }
        total.units += units;
        return static_cast<double>(units) / passed;
    }

  private:
    enum class Task : std::uint8_t { warm_up, slice, end };

    void let_all_run() {
        start_.arrive_and_wait();
        end_.arrive_and_wait();
        if (failure_) {
            std::rethrow_exception(failure_);
        }
    }

    void attend(std::size_t client) {
        while (true) {
            start_.arrive_and_wait();
            if (task_ == Task::end) {
                return;
            }
            try {
                Side& side = *sides_[client][side_];
                if (task_ == Task::warm_up) {
                    side.warm_up();
                } else {
                    work_for(side, deadline_, slices_[client]);
                }
            } catch (...) {
                const std::lock_guard lock(mutex_);
                failure_ = std::current_exception();
            }
            end_.arrive_and_wait();
        }
    }

    std::vector<std::vector<std::unique_ptr<Side>>> sides_;
    std::vector<Work> slices_;
    std::vector<std::thread> threads_;
    std::barrier<> start_;
    std::barrier<> end_;
    Task task_ = Task::end;
    std::size_t side_ = 0;
    Clock::time_point deadline_;
    std::mutex mutex_;
    std::exception_ptr failure_;
};

double median(std::vector<double> values) {
    std::ranges::sort(values);
    const std::size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// The server's counts beside a side: bytes of WAL, updates, and HOT ones among them.
class Watch {
  public:
    explicit Watch(const std::string& side) : table_(table_of(side)) {
        if (!database_of(side).empty()) {
            connection_ = std::make_unique<Connection>(database_of(side));
            connection_->run("SET synchronous_commit = off");
        }
    }

    void checkpoint() {
        if (connection_) {
            connection_->run("CHECKPOINT");
        }
    }

    double wal() {
        return connection_ ? std::stod(connection_->value(
                                 "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))
                           : 0;
    }

    struct Updates {
        double all = 0;
        double hot = 0;
    };
    /// What backends that have ended, or were idle for a while, reported.
    Updates updates() {
        if (!connection_) {
            return {};
        }
        const Result row =
            connection_->run("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables "
                             "WHERE relid = to_regclass('" +
                             table_ + "')");
        return row.rows() == 0 ? Updates{}
                               : Updates{std::stod(row.text(0, 0)), std::stod(row.text(0, 1))};
    }

  private:
    std::string table_;
    std::unique_ptr<Connection> connection_;
};

double hot_share(const Watch::Updates& before, const Watch::Updates& after) {
    const double all = after.all - before.all;
    return all > 0 ? (after.hot - before.hot) / all : -1;
}

/// What one side did in all its rounds.
struct Outcome {
    Work work;
    std::vector<double> rates;
    std::vector<double> wal_per_unit;
};

std::vector<Outcome> take_turns(const Rounds& rounds, const std::vector<Plan>& plans,
                                std::vector<Watch>& watches) {
    std::vector<Outcome> outcomes(plans.size());
    std::optional<Crew> in_use;
    if (!rounds.fresh) {
        in_use.emplace(plans, rounds.clients, rounds.pin);
        for (std::size_t side = 0; side < plans.size(); ++side) {
            in_use->warm_up(side);
            Work not_counted;
            in_use->slice(side, std::min(1.0, rounds.seconds), not_counted);
        }
    }
    const auto slice = [&](std::size_t side, Work& total) {
        return in_use ? in_use->slice(side, rounds.seconds, total)
                      : Crew({plans[side]}, rounds.clients, rounds.pin)
                            .slice(0, rounds.seconds, total);
    };
    for (int round = 0; round < rounds.rounds; ++round) {
        for (std::size_t side = 0; side < plans.size(); ++side) {
            Outcome& outcome = outcomes[side];
            if (rounds.checkpoint) {
                watches[side].checkpoint();
            }
            const double wal_before = watches[side].wal();
            const std::uint64_t units_before = outcome.work.units;
            outcome.rates.push_back(slice(side, outcome.work));
            outcome.wal_per_unit.push_back((watches[side].wal() - wal_before) /
                                           static_cast<double>(outcome.work.units - units_before));
        }
    }
    return outcomes;
}

std::vector<Watch> watch(const std::vector<Plan>& plans) {
    std::vector<Watch> watches;
    watches.reserve(plans.size());
    for (const Plan& plan : plans) {
        watches.emplace_back(plan.side);
    }
    return watches;
}

/// p50, p95, p99 and p99.9, in microseconds.
void print_percentiles(const Histogram& latencies) {
    for (const double share : {0.5, 0.95, 0.99, 0.999}) {
        std::printf("\t%.1f", latencies.quantile(share) / 1000);
    }
}

} // namespace

void compare(const Rounds& rounds, const Plan& a, const Plan& b) {
    std::vector<Watch> watches = watch({a, b});
    const std::array<Watch::Updates, 2> updates_before{watches[0].updates(), watches[1].updates()};
    const std::vector<Outcome> outcomes = take_turns(rounds, {a, b}, watches);
    std::vector<double> ratios;
    for (std::size_t round = 0; round < outcomes[0].rates.size(); ++round) {
        ratios.push_back(outcomes[0].rates[round] / outcomes[1].rates[round]);
    }
    // The backends report as they end.
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    std::printf("%s\t%s\t%s\t%zu\t%d\t%d\t%g", rounds.row.c_str(), a.side.c_str(), b.side.c_str(),
                rounds.clients, rounds.pin ? 1 : 0, rounds.rounds, rounds.seconds);
    for (std::size_t side = 0; side < outcomes.size(); ++side) {
        const Outcome& outcome = outcomes[side];
        std::printf("\t%.1f", median(outcome.rates));
        print_percentiles(outcome.work.latencies);
        std::printf("\t%.0f\t%.4f", median(outcome.wal_per_unit),
                    hot_share(updates_before[side], watches[side].updates()));
    }
    std::printf("\t%.4f\t%.4f\t%.4f\t%.4f\n", median(outcomes[0].rates) / median(outcomes[1].rates),
                median(ratios), *std::ranges::min_element(ratios),
                *std::ranges::max_element(ratios));
    (void)std::fflush(stdout);
}

void measure_all(const Rounds& rounds, const std::vector<Plan>& plans) {
    std::vector<Watch> watches = watch(plans);
    const std::vector<Outcome> outcomes = take_turns(rounds, plans, watches);
    for (std::size_t side = 0; side < plans.size(); ++side) {
        std::printf("%s\t%s\t%zu\t%d", rounds.row.c_str(), plans[side].side.c_str(), rounds.clients,
                    rounds.pin ? 1 : 0);
        print_percentiles(outcomes[side].work.latencies);
        for (const double rate : outcomes[side].rates) {
            std::printf("\t%.1f", rate);
        }
        std::printf("\n");
    }
    (void)std::fflush(stdout);
}

void run_alone(const std::string& side, std::size_t clients, double seconds,
               const std::vector<Ticket>& tickets, const std::string& tell) {
    Work work;
    Crew crew({{side, &tickets}}, clients, false);
    crew.warm_up(0);
    if (!tell.empty()) {
        std::ofstream(tell) << "warm\n";
    }
    const double rate = crew.slice(0, seconds, work);
    std::printf("%llu\t%.1f", static_cast<unsigned long long>(work.units), rate);
    print_percentiles(work.latencies);
    std::printf("\n");
}

} // namespace bench
