#include "client/probes.hpp"

#include "client/postgres.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>

namespace bench {

namespace {

using Clock = std::chrono::steady_clock;

double microseconds(const std::function<void()>& call) {
    const Clock::time_point before = Clock::now();
    call();
    return std::chrono::duration<double, std::micro>(Clock::now() - before).count();
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

} // namespace

void probe_first_call(const std::string& database, int connections,
                      const std::vector<Ticket>& tickets) {
    const auto probe = [&](const char* name, const std::string& sql, std::string Ticket::*value) {
        std::vector<double> first;
        std::vector<double> second;
        for (int i = 0; i < connections; ++i) {
            Connection connection(database);
            const auto once = [&] {
                const auto& ticket = tickets[static_cast<std::size_t>(i) % tickets.size()];
                (void)connection.run_prepared("call", {ticket.*value});
            };
            first.push_back(microseconds([&] {
                connection.prepare("call", sql);
                once();
            }));
            second.push_back(microseconds(once));
        }
        std::printf("%s\t%d\t%.1f\t%.1f\n", name, connections, median(first), median(second));
    };
    probe("validate_session", "SELECT * FROM session_service.validate_session($1)", &Ticket::token);
    probe("bare SELECT", Connection(database).value(text_of_bare_select), &Ticket::session_id);
}

} // namespace bench
