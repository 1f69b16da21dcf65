#include "client/fill.hpp"

#include "client/postgres.hpp"
#include "client/redis.hpp"

#include "core/crypto.hpp"
#include "core/uuid.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <numeric>
#include <optional>
#include <random>

namespace bench {

namespace {

using core::Micros;

// The defaults of the settings, by which the deadlines follow.
constexpr core::Lifetimes lifetimes{.session = 30 * core::micros_per_day,
                                    .refresh = 90 * core::micros_per_day,
                                    .inactivity = 7 * core::micros_per_day,
                                    .absolute = 365 * core::micros_per_day};

/// From 1970 to 2000, where the server's times begin.
constexpr Micros epoch_offset = 10957 * core::micros_per_day;

/// The indexes of a table, keys included, which are away while it is loaded: built at once they
/// cost a fraction of what row by row they would.
class IndexesOff {
  public:
    IndexesOff(Connection& connection, const std::string& table) : connection_(connection) {
        const std::string quoted = "'" + table + "'::regclass";
        // Indexes that no constraint owns, then constraints: the order in which they can be
        // dropped.
        const Result found = connection_.run(
            "SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid) "
            "FROM pg_index WHERE indrelid = " +
            quoted +
            " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid "
            "AND contype IN ('p', 'u')) UNION ALL SELECT "
            "format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname), "
            "format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, "
            "pg_get_constraintdef(oid)) FROM pg_constraint WHERE conrelid = " +
            quoted + " AND contype IN ('p', 'u')");
        for (int row = 0; row < found.rows(); ++row) {
            (void)connection_.run(found.text(row, 0));
            definitions_.emplace_back(found.text(row, 1));
        }
    }

    void build() {
        (void)connection_.run("SET maintenance_work_mem = '1GB'");
        for (const std::string& definition : definitions_) {
            (void)connection_.run(definition);
        }
    }

  private:
    Connection& connection_;
    std::vector<std::string> definitions_;
};

/// COPY's binary format, row by row.
class CopyWriter {
  public:
    CopyWriter(const std::string& database, const std::string& table, const std::string& columns,
               Loading loading = Loading::as_in_use)
        : connection_(database),
          columns_(static_cast<std::int16_t>(1 + std::ranges::count(columns, ','))) {
        if (loading == Loading::bulk) {
            indexes_.emplace(connection_, table);
            // In the transaction that emptied the table, its rows can be stored frozen, and without
            // WAL where wal_level is minimal.
            (void)connection_.run("BEGIN; TRUNCATE " + table);
        }
        connection_.begin_copy("COPY " + table + " (" + columns + ") FROM STDIN (FORMAT binary" +
                               (loading == Loading::bulk ? ", FREEZE)" : ")"));
        buffer_.append("PGCOPY\n\377\r\n\0", 11);
        integer(std::int32_t{0}); // flags
        integer(std::int32_t{0}); // no extension of the header
    }

    void begin_row() {
        if (buffer_.size() > 1 << 18) {
            connection_.put(buffer_);
            buffer_.clear();
        }
        integer(columns_);
    }
    void null() { integer(std::int32_t{-1}); }
    void bytes(core::Bytes value) {
        integer(static_cast<std::int32_t>(value.size()));
        buffer_.append(reinterpret_cast<const char*>(value.data()), value.size());
    }
    void text(std::string_view value) { bytes(core::bytes_of(value)); }
    void text_or_null(std::string_view value) { value.empty() ? null() : text(value); }
    void boolean(bool value) {
        bytes(std::array<std::uint8_t, 1>{value ? std::uint8_t{1} : std::uint8_t{0}});
    }
    void smallint(std::uint16_t value) { number(static_cast<std::int16_t>(value)); }
    void integer_value(std::int32_t value) { number(value); }
    void bigint(std::int64_t value) { number(value); }
    /// A time in the server's epoch.
    void time(Micros value) { number(value); }
    void inet(const std::array<std::uint8_t, 4>& address) {
        constexpr std::uint8_t ipv4 = 2; // PGSQL_AF_INET
        bytes(std::array<std::uint8_t, 8>{ipv4, 32, 0, 4, address[0], address[1], address[2],
                                          address[3]});
    }
    void json(std::string_view value) { text("\1" + std::string(value)); }
    void texts(std::initializer_list<std::string_view> values) {
        constexpr std::int32_t text_oid = 25;
        std::size_t size = 5 * sizeof(std::int32_t);
        for (const std::string_view value : values) {
            size += sizeof(std::int32_t) + value.size();
        }
        integer(static_cast<std::int32_t>(size));
        integer(std::int32_t{1}); // dimensions
        integer(std::int32_t{0}); // no NULL
        integer(text_oid);
        integer(static_cast<std::int32_t>(values.size()));
        integer(std::int32_t{1}); // the first index
        for (const std::string_view value : values) {
            text(value);
        }
    }
    void end() {
        integer(std::int16_t{-1});
        connection_.put(buffer_);
        connection_.end_copy();
        if (indexes_) {
            (void)connection_.run("COMMIT");
            indexes_->build();
        }
    }

  private:
    template <typename Integer>
    void integer(Integer value) {
        for (int shift = 8 * (static_cast<int>(sizeof value) - 1); shift >= 0; shift -= 8) {
            buffer_ += static_cast<char>(value >> shift);
        }
    }
    template <typename Integer>
    void number(Integer value) {
        integer(static_cast<std::int32_t>(sizeof value));
        integer(value);
    }

    Connection connection_;
    std::optional<IndexesOff> indexes_;
    std::string buffer_;
    std::int16_t columns_;
};

core::Digest sha256_of(std::string_view text) {
    return core::sha256(core::bytes_of(text));
}

/// The hash by which a device is found again.
core::Digest key_hash(std::string_view device_key) {
    using namespace std::string_literals;
    return sha256_of("key\0"s + std::string(device_key) + "\0"s);
}

core::Deadlines deadlines_of(Micros created) {
    return core::renewed(created, lifetimes, core::later(created, lifetimes.absolute), true);
}

void fill_users(const std::string& database, const Population& population, Loading loading) {
    CopyWriter copy(database, "session_service.users", "user_id, bucket, epoch", loading);
    for (std::uint64_t user = 0; user < population.users(); ++user) {
        const core::Uuid id = Population::user_id(user);
        copy.begin_row();
        copy.bytes(id);
        copy.smallint(core::user_bucket(id));
        // The row is made at the first sign-in, which is session `user`.
        copy.bigint(population.created(user));
    }
    copy.end();
}

void fill_devices(const std::string& database, const Population& population, Loading loading) {
    CopyWriter copy(database, "session_service.devices",
                    "id, bucket, user_id, key_hash, is_keyed, first_seen_at, last_seen_at, "
                    "purge_after, address_at, ip_address, name, user_agent, browser, os, "
                    "device_type",
                    loading);
    for (std::uint64_t n = 0; n < population.count(); ++n) {
        const MadeSession session = population.session(n);
        const core::UserAgent agent = core::describe_user_agent(session.user_agent);
        const Micros created = session.created - epoch_offset;
        copy.begin_row();
        copy.bytes(session.device_id);
        copy.smallint(session.bucket);
        copy.bytes(session.user_id);
        copy.bytes(key_hash(session.device_key));
        copy.boolean(true);
        copy.time(created);
        copy.time(created);
        copy.time(core::start_of_day(created));
        copy.time(created);
        copy.inet(session.address);
        copy.text(session.device_name);
        copy.text(session.user_agent);
        copy.text_or_null(agent.browser);
        copy.text_or_null(agent.os);
        copy.text(core::name_of(agent.device_type));
    }
    copy.end();
}

void fill_sessions(const std::string& database, const Population& population, Loading loading) {
    CopyWriter copy(database, "session_service.sessions",
                    "id, bucket, user_id, device_id, token_hash, created_at, expires_at, "
                    "purge_after, session_expiry, refresh_expiry, inactivity_timeout, "
                    "secret_length, idle_expires_at, refresh_expires_at, absolute_expires_at, "
                    "scopes, metadata, ip_address, refresh_hash, family_hash, last_activity_at, "
                    "authenticated_at",
                    loading);
    for (std::uint64_t n = 0; n < population.count(); ++n) {
        const MadeSession session = population.session(n);
        const Micros created = session.created - epoch_offset;
        const core::Deadlines deadlines = deadlines_of(created);
        copy.begin_row();
        copy.bytes(session.session_id);
        copy.smallint(session.bucket);
        copy.bytes(session.user_id);
        copy.bytes(session.device_id);
        copy.bytes(sha256_of(session.token));
        copy.time(created);
        copy.time(deadlines.expires);
        copy.time(core::purge_day(deadlines));
        copy.bigint(lifetimes.session);
        copy.bigint(lifetimes.refresh);
        copy.bigint(lifetimes.inactivity);
        copy.smallint(32);
        copy.time(deadlines.idle);
        copy.time(deadlines.refresh);
        copy.time(deadlines.absolute);
        copy.texts({"read", "write"});
        copy.json("{}");
        copy.inet(session.address);
        copy.bytes(sha256_of(session.refresh_token));
        copy.bytes(core::sha256(session.family_key));
        copy.time(created);
        copy.time(created);
    }
    copy.end();
}

void fill_events(const std::string& database, const Population& population, Loading loading) {
    CopyWriter copy(database, "session_service.events",
                    "id, bucket, at, kind, user_id, session_id, device_id, ip_address", loading);
    for (std::uint64_t n = 0; n < population.count(); ++n) {
        const MadeSession session = population.session(n);
        copy.begin_row();
        copy.bytes(session.event_id);
        copy.smallint(session.bucket);
        copy.time(session.created - epoch_offset);
        copy.text("device.new");
        copy.bytes(session.user_id);
        copy.bytes(session.session_id);
        copy.bytes(session.device_id);
        copy.inet(session.address);
    }
    copy.end();
}

/// Whether it ends without an exception, which is reported.
bool succeeds(const std::function<void()>& step) {
    try {
        step();
        return true;
    } catch (const std::exception& error) {
        (void)std::fprintf(stderr, "%s\n", error.what());
        return false;
    }
}

} // namespace

void fill_extension(const std::string& database, const Population& population, Loading loading) {
    // Two halves of about the same work, in two processes, since the core's digests are for one
    // thread.
    const auto fill_half = [&] {
        fill_sessions(database, population, loading);
        fill_users(database, population, loading);
    };
    const auto fill_other_half = [&] {
        fill_devices(database, population, loading);
        fill_events(database, population, loading);
    };
    const pid_t other = fork();
    if (other == 0) {
        _exit(succeeds(fill_other_half) ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    const bool succeeded = other > 0 && succeeds(fill_half);
    int status = EXIT_FAILURE;
    if (waitpid(other, &status, 0) != other || status != EXIT_SUCCESS || !succeeded) {
        throw Failure("the tables of " + database + " are not filled");
    }
}

void fill_original(const std::string& database, const Population& population) {
    CopyWriter users(database, "original.users", "id");
    for (std::uint64_t user = 0; user < population.users(); ++user) {
        users.begin_row();
        users.bytes(Population::user_id(user));
    }
    users.end();
    CopyWriter copy(database, "original.sessions",
                    "id, user_id, token_hash, refresh_token_hash, ip_address, user_agent, "
                    "device_name, scopes, expires_at, last_activity_at, created_at");
    for (std::uint64_t n = 0; n < population.count(); ++n) {
        const MadeSession session = population.session(n);
        const Micros created = session.created - epoch_offset;
        copy.begin_row();
        copy.bytes(session.peer_id);
        copy.bytes(session.user_id);
        copy.text(sha256_hex(session.peer_token));
        copy.text(sha256_hex(session.peer_refresh_token));
        copy.inet(session.address);
        copy.text(session.user_agent);
        copy.text(session.device_name);
        copy.texts({"read", "write"});
        copy.time(created + lifetimes.session);
        copy.time(created);
        copy.time(created);
    }
    copy.end();
}

std::string session_json(const MadeSession& session) {
    std::string json = R"({"id":")" + uuid_text(session.session_id) + R"(","user_id":")" +
                       uuid_text(session.user_id) + R"(","device_id":")" +
                       uuid_text(session.device_id) +
                       R"(","scopes":["read","write"],"created_at":)" +
                       std::to_string(session.created) + R"(,"expires_at":)" +
                       std::to_string(session.created + lifetimes.session) + R"(,"metadata":")";
    constexpr std::size_t size = 300;
    json.append(size - 2 - std::min(json.size(), size - 2), 'x');
    return json + "\"}";
}

void fill_redis(const std::string& socket, const Population& population) {
    RedisConnection redis(socket);
    constexpr std::uint64_t pipelined = 1000;
    for (std::uint64_t n = 0; n < population.count(); ++n) {
        const MadeSession session = population.session(n);
        redis.send_set(redis_key(sha256_hex(session.token)), session_json(session));
        if ((n + 1) % pipelined == 0 || n + 1 == population.count()) {
            redis.receive_all();
        }
    }
}

void write_tokens(const std::string& path, const Population& population, std::uint64_t sample) {
    std::vector<std::uint64_t> drawn(population.count());
    std::iota(drawn.begin(), drawn.end(), std::uint64_t{0});
    // The same draw in each run.
    std::mt19937_64 random(20240601); // NOLINT(cert-msc51-cpp)
    sample = std::min(sample, population.count());
    for (std::uint64_t i = 0; i < sample; ++i) {
        std::uniform_int_distribution<std::uint64_t> rest(i, population.count() - 1);
        std::swap(drawn[i], drawn[rest(random)]);
    }
    std::ofstream file(path);
    for (std::uint64_t i = 0; i < sample; ++i) {
        const MadeSession s = population.session(drawn[i]);
        file << s.token << '\t' << s.refresh_token << '\t' << uuid_text(s.session_id) << '\t'
             << uuid_text(s.user_id) << '\t' << s.device_key << '\t' << s.device_name << '\t'
             << s.user_agent << '\t' << address_text(s.address) << '\t' << s.peer_token << '\t'
             << s.peer_refresh_token << '\n';
    }
    if (!file.flush()) {
        throw Failure("cannot write " + path);
    }
}

} // namespace bench
