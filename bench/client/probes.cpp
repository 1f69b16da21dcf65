#include "client/probes.hpp"

#include "client/postgres.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>

namespace bench {

namespace {

using Clock = std::chrono::steady_clock;
using Values = std::vector<const char*>;

/// Private memory of a process, which shared buffers are not: RssAnon of its status, in bytes.
std::int64_t private_memory(int pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) {
        const std::string name = "RssAnon:";
        if (line.starts_with(name)) {
            return std::stoll(line.substr(name.size())) * 1024;
        }
    }
    throw Failure("no RssAnon of process " + std::to_string(pid));
}

/// One function in one way; the values of a call follow from a ticket.
struct Probe {
    const char* name;
    const char* sql;
    std::function<Values(const Ticket&)> values;
    bool fails = false;
};

const std::vector<Probe>& probes() {
    const auto token = [](const Ticket& t) { return Values{t.token.c_str()}; };
    const auto id = [](const Ticket& t) { return Values{t.session_id.c_str()}; };
    const auto user = [](const Ticket& t) { return Values{t.user_id.c_str()}; };
    static const std::vector<Probe> all{
        {"validate_session", "SELECT * FROM session_service.validate_session($1)", token},
        {"validate_session, refused", "SELECT * FROM session_service.validate_session($1 || 'x')",
         token},
        {"validate_session, unknown imported",
         "SELECT * FROM session_service.validate_session(substr($1, 5))", token},
        {"validate_session_hash",
         "SELECT * FROM session_service.validate_session_hash($1, "
         "session_service.hash_token($2))",
         [](const Ticket& t) {
             return Values{t.session_id.c_str(), t.token.c_str()};
         }},
        {"validate_sessions", "SELECT * FROM session_service.validate_sessions(ARRAY[$1, 'x'])",
         token},
        {"introspect_token", "SELECT session_service.introspect_token($1)", token},
        {"get_session", "SELECT * FROM session_service.get_session($1)", id},
        {"list_user_sessions", "SELECT * FROM session_service.list_user_sessions($1)", user},
        {"list_user_devices", "SELECT * FROM session_service.list_user_devices($1)", user},
        {"count_user_sessions", "SELECT session_service.count_user_sessions($1)", user},
        {"authenticate", "SELECT session_service.authenticate($1)", token},
        {"set_session_scopes", "SELECT session_service.set_session_scopes($1, '{read,write}')", id},
        {"mark_mfa_verified", "SELECT session_service.mark_mfa_verified($1, 'totp')", id},
        {"extend_session", "SELECT session_service.extend_session($1)", id},
        {"touch_sessions", "SELECT session_service.touch_sessions(ARRAY[$1::uuid])", id},
        {"create_session",
         "SELECT * FROM session_service.create_session($1, $2, $3, $4, '{read,write}', $5)",
         [](const Ticket& t) {
             return Values{t.user_id.c_str(), t.device_name.c_str(), t.user_agent.c_str(),
                           t.address.c_str(), t.device_key.c_str()};
         }},
        {"revoke_session_by_token, refused",
         "SELECT session_service.revoke_session_by_token($1 || 'x')", token},
        {"create_session, error", "SELECT * FROM session_service.create_session(NULL)",
         [](const Ticket&) { return Values{}; }, true},
        {"set_session_scopes, error",
         "SELECT session_service.set_session_scopes($1, ARRAY['not valid'])", id, true},
        {"hash input, error", "SELECT $1::text::session_service.token_hash", token, true},
    };
    return all;
}

void call(Connection& connection, const Probe& probe, const Ticket& ticket) {
    const Result result = connection.try_prepared("probe", probe.values(ticket));
    if ((result.status() != PGRES_TUPLES_OK) != probe.fails) {
        throw Failure(std::string(probe.name) + ": unexpected result " + result.sqlstate());
    }
}

void run_probe(const std::string& database, const Probe& probe, std::uint64_t calls,
               const std::vector<Ticket>& tickets) {
    constexpr std::uint64_t warm_up = 2000;
    const std::string used = "SELECT sum(used_bytes) FROM pg_backend_memory_contexts";
    Connection connection(database);
    connection.run("SET synchronous_commit = off");
    connection.prepare("probe", probe.sql);
    for (std::uint64_t i = 0; i < warm_up; ++i) {
        call(connection, probe, tickets[i % tickets.size()]);
    }
    (void)connection.number(used); // its own plan and caches
    const std::int64_t contexts = connection.number(used);
    const std::int64_t memory = private_memory(connection.backend_pid());
    for (std::uint64_t i = 0; i < calls; ++i) {
        call(connection, probe, tickets[i % tickets.size()]);
    }
    const std::int64_t memory_after = private_memory(connection.backend_pid());
    const std::int64_t contexts_after = connection.number(used);
    std::printf("%s\t%llu\t%lld\t%lld\t%lld\t%lld\n", probe.name,
                static_cast<unsigned long long>(calls), static_cast<long long>(memory),
                static_cast<long long>(memory_after), static_cast<long long>(contexts),
                static_cast<long long>(contexts_after));
    std::fflush(stdout);
}

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

void probe_memory(const std::string& database, std::uint64_t calls, std::uint64_t failing_calls,
                  const std::vector<Ticket>& tickets) {
    for (const Probe& probe : probes()) {
        run_probe(database, probe, probe.fails ? failing_calls : calls, tickets);
    }
}

void probe_first_call(const std::string& database, int connections,
                      const std::vector<Ticket>& tickets) {
    const auto probe = [&](const char* name, const char* sql, std::string Ticket::*value) {
        std::vector<double> first;
        std::vector<double> second;
        for (int i = 0; i < connections; ++i) {
            Connection connection(database);
            const auto once = [&] {
                const auto& ticket = tickets[static_cast<std::size_t>(i) % tickets.size()];
                (void)connection.run_prepared("call", {(ticket.*value).c_str()});
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
    probe("bare SELECT",
          "SELECT id, user_id, device_id, scopes, metadata, mfa_verified_at IS NOT NULL, "
          "created_at, last_activity_at, expires_at FROM session_service.sessions WHERE id = $1",
          &Ticket::session_id);
}

} // namespace bench
