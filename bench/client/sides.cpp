#include "client/sides.hpp"

#include "client/population.hpp"
#include "client/postgres.hpp"
#include "client/proofs.hpp"
#include "client/redis.hpp"

#include "core/hex.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <sstream>

namespace bench {

namespace {

using Field = std::string Ticket::*;

/// A client that draws tickets at random; single ones ahead of their use: of each, the fields that
/// it needs are in the processor's cache by then, as a token is that an application was just sent.
class Drawing : public Side {
  public:
    Drawing(const Client& client, std::vector<Field> fields)
        : tickets_(*client.tickets), fields_(std::move(fields)), random_(20240601 + client.index),
          any_(0, tickets_.size() - 1), next_(&draw_any()), after_next_(&draw_any()) {}

  protected:
    const std::vector<Ticket>& tickets() const { return tickets_; }
    const Ticket& draw() {
        const Ticket& drawn = *next_;
        next_ = after_next_;
        after_next_ = &draw_any();
        // Where a string's bytes lie has to be loaded before they can be.
        for (const Field field : fields_) {
            __builtin_prefetch((next_->*field).data());
            __builtin_prefetch(&(after_next_->*field));
        }
        return drawn;
    }
    /// So many in a row from a random place.
    std::span<const Ticket> draw_many(std::size_t count) {
        if (count > tickets_.size()) {
            throw Failure("not enough tokens for a batch of " + std::to_string(count));
        }
        return std::span(tickets_).subspan(std::min(any_(random_), tickets_.size() - count), count);
    }
    std::mt19937_64& random() { return random_; }

  private:
    const Ticket& draw_any() { return tickets_[any_(random_)]; }

    const std::vector<Ticket>& tickets_;
    std::vector<Field> fields_;
    std::mt19937_64 random_;
    std::uniform_int_distribution<std::size_t> any_;
    const Ticket* next_;
    const Ticket* after_next_;
};

class OfPostgres : public Drawing {
  public:
    OfPostgres(const std::string& database, const Client& client, std::vector<Field> fields = {})
        : Drawing(client, std::move(fields)), connection_(database) {}

    int server_pid() override { return connection_.backend_pid(); }

  protected:
    Connection& connection() { return connection_; }

    /// Runs a prepared statement that must give one row.
    Result one_row(const char* statement, std::initializer_list<Parameter> values,
                   Format results = Format::binary) {
        Result result = connection_.run_prepared(statement, values, results);
        if (result.rows() != 1) {
            throw Failure(std::string(statement) + ": " + std::to_string(result.rows()) + " rows");
        }
        return result;
    }

  private:
    Connection connection_;
};

/// A call that reads the session of one ticket, by a statement that is prepared as "read".
class Reading : public OfPostgres {
  public:
    Reading(const std::string& database, const Client& client, Field key, Format results)
        : OfPostgres(database, client, {key}), key_(key), results_(results) {}
    void warm_up() override {
        for (const Ticket& ticket : tickets()) {
            read(ticket);
        }
    }
    std::uint64_t once() override {
        read(draw());
        return 1;
    }

  private:
    void read(const Ticket& ticket) { (void)one_row("read", {ticket.*key_}, results_); }

    Field key_;
    Format results_;
};

// --- the extension

class Validate : public Reading {
  public:
    Validate(const std::string& database, const Client& client, Format results = Format::binary)
        : Reading(database, client, &Ticket::token, results) {
        connection().prepare("read", "SELECT * FROM session_service.validate_session($1)");
    }
};

class ValidateUser : public Reading {
  public:
    ValidateUser(const std::string& database, const Client& client)
        : Reading(database, client, &Ticket::token, Format::binary) {
        connection().prepare("read", "SELECT session_service.validate_user($1)");
    }
};

/// An array of one dimension, as it is sent in binary.
class BinaryArray {
  public:
    explicit BinaryArray(std::uint32_t element_type) : element_type_(element_type) {}

    void clear(std::size_t count) {
        bytes_.clear();
        for (const std::size_t number : {std::size_t{1}, std::size_t{0}, // dimensions, no nulls
                                         std::size_t{element_type_}, count, std::size_t{1}}) {
            add_number(number);
        }
    }
    void add(std::string_view element) {
        add_number(element.size());
        bytes_ += element;
    }
    Parameter parameter() const { return {bytes_.data(), static_cast<int>(bytes_.size())}; }

  private:
    void add_number(std::size_t number) {
        for (int shift = 24; shift >= 0; shift -= 8) {
            bytes_ += static_cast<char>(number >> shift & 0xff);
        }
    }

    std::uint32_t element_type_;
    std::string bytes_;
};

std::string uuid_bytes(std::string text) {
    std::erase(text, '-');
    std::string bytes(text.size() / 2, '\0');
    if (!core::hex_decode(text, {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()})) {
        throw Failure("not a UUID");
    }
    return bytes;
}

constexpr std::uint32_t text_type = 25;
constexpr std::uint32_t uuid_type = 2950;

/// A call for `size` different tickets, neighbours in the file, which is in random order.
template <std::size_t size>
class ValidateMany : public OfPostgres {
  public:
    ValidateMany(const std::string& database, const Client& client) : OfPostgres(database, client) {
        connection().prepare("validate", "SELECT * FROM session_service.validate_sessions($1)");
    }
    void warm_up() override {
        for (std::size_t first = 0; first + size <= tickets().size(); first += size) {
            validate(std::span(tickets()).subspan(first, size));
        }
    }
    std::uint64_t once() override {
        validate(draw_many(size));
        return size;
    }

  private:
    void validate(std::span<const Ticket> batch) {
        tokens_.clear(size);
        for (const Ticket& ticket : batch) {
            tokens_.add(ticket.token);
        }
        if (connection().run_prepared("validate", {tokens_.parameter()}).rows() !=
            static_cast<int>(size)) {
            throw Failure("validate_sessions: a token was refused");
        }
    }

    BinaryArray tokens_{text_type};
};

template <std::size_t size>
class Touch : public OfPostgres {
  public:
    Touch(const std::string& database, const Client& client) : OfPostgres(database, client) {
        connection().prepare("touch", "SELECT session_service.touch_sessions($1)");
    }
    std::uint64_t once() override {
        ids_.clear(size);
        for (const Ticket& ticket : draw_many(size)) {
            ids_.add(uuid_bytes(ticket.session_id));
        }
        // With several clients a row may be another's at that moment.
        return one_row("touch", {ids_.parameter()}).integer(0, 0);
    }

  private:
    BinaryArray ids_{uuid_type};
};

class Refuse : public OfPostgres {
  public:
    Refuse(const std::string& database, const Client& client)
        : OfPostgres(database, client, {&Ticket::token}) {
        connection().prepare("refuse", "SELECT * FROM session_service.validate_session($1)");
    }
    std::uint64_t once() override {
        // One character off: nothing but the checksum is wrong.
        token_ = draw().token;
        token_.back() = token_.back() == 'A' ? 'B' : 'A';
        if (connection().run_prepared("refuse", {token_}).rows() != 0) {
            throw Failure("a malformed token was accepted");
        }
        return 1;
    }

  private:
    std::string token_;
};

class Create : public OfPostgres {
  public:
    Create(const std::string& database, const Client& client)
        : OfPostgres(database, client,
                     {&Ticket::user_id, &Ticket::device_name, &Ticket::user_agent, &Ticket::address,
                      &Ticket::device_key}) {
        connection().prepare("create", "SELECT * FROM session_service.create_session("
                                       "$1, $2, $3, $4, '{read,write}', $5)");
    }
    std::uint64_t once() override {
        const Ticket& ticket = draw();
        (void)one_row("create", {ticket.user_id, ticket.device_name, ticket.user_agent,
                                 ticket.address, ticket.device_key});
        return 1;
    }
};

/// A sign-in and the sign-out of the same session, a transaction each, with notifications or
/// without.
class SignInAndOut : public OfPostgres {
  public:
    SignInAndOut(const std::string& database, const Client& client, bool notify)
        : OfPostgres(database, client, {&Ticket::user_id, &Ticket::device_key}) {
        connection().run(notify ? "SET session_service.notify = on"
                                : "SET session_service.notify = off");
        connection().prepare(
            "create",
            "SELECT session_id FROM session_service.create_session($1, device_key => $2)");
        connection().prepare("revoke", "SELECT session_service.revoke_session($1)");
    }
    std::uint64_t once() override {
        const Ticket& ticket = draw();
        const Result session = one_row("create", {ticket.user_id, ticket.device_key});
        (void)one_row("revoke", {session.parameter(0, 0)});
        return 1;
    }
};

/// Each client spends the refresh tokens of its own share of the tickets, and keeps the new ones.
class Spending : public OfPostgres {
  public:
    Spending(const std::string& database, const Client& client, Field token)
        : OfPostgres(database, client) {
        for (std::size_t i = client.index; i < client.tickets->size(); i += client.count) {
            tokens_.push_back((*client.tickets)[i].*token);
        }
    }

  protected:
    std::string& draw_own() {
        return tokens_[std::uniform_int_distribution<std::size_t>(0, tokens_.size() - 1)(random())];
    }

  private:
    std::vector<std::string> tokens_;
};

class Refresh : public Spending {
  public:
    Refresh(const std::string& database, const Client& client)
        : Spending(database, client, &Ticket::refresh_token) {
        connection().prepare("refresh", "SELECT * FROM session_service.refresh_session($1)");
    }
    std::uint64_t once() override {
        std::string& token = draw_own();
        token = one_row("refresh", {token}).text(0, 3);
        return 1;
    }
};

// --- sessions that are bound to a key, by a client that has signed its proofs before

constexpr const char* bench_uri = "https://api.example.com/v1/profile";

/// As many sessions as the client has tickets, made anew and bound to one key. Proofs stay good for
/// as long as a run takes.
class OfBoundSessions : public OfPostgres {
  public:
    OfBoundSessions(const std::string& database, const Client& client)
        : OfPostgres(database, client) {
        (void)connection().run("SET session_service.proof_max_age = '1d'");
        connection().prepare("create",
                             "SELECT * FROM session_service.create_session(gen_random_uuid())");
        connection().prepare("bind",
                             "SELECT * FROM session_service.bind_session($1, $2, 'POST', $3)");
        (void)connection().run("BEGIN");
        for (std::size_t i = client.index; i < client.tickets->size(); i += client.count) {
            add_session();
        }
        (void)connection().run("COMMIT");
    }

  protected:
    struct Bound {
        std::string token;
        std::string refresh_token;
        std::string proof; // of a GET with the session token
    };

    Bound& draw_bound() {
        return bound_[std::uniform_int_distribution<std::size_t>(0, bound_.size() - 1)(random())];
    }
    std::vector<Bound>& all_bound() { return bound_; }
    const ProofKey& key() const { return key_; }

  private:
    void add_session() {
        const Result made = one_row("create", {});
        const std::string token = made.text(0, 1);
        (void)one_row("bind", {token, key_.proof("POST", bench_uri, token), bench_uri});
        bound_.push_back({token, made.text(0, 2), key_.proof("GET", bench_uri, token)});
    }

    ProofKey key_;
    std::vector<Bound> bound_;
};

class RefreshBound : public OfBoundSessions {
  public:
    RefreshBound(const std::string& database, const Client& client)
        : OfBoundSessions(database, client), proof_(key().proof("POST", bench_uri, "")) {
        connection().prepare("refresh", "SELECT * FROM session_service.refresh_session("
                                        "$1, proof => $2, http_method => 'POST', http_uri => $3)");
    }
    std::uint64_t once() override {
        std::string& token = draw_bound().refresh_token;
        token = one_row("refresh", {token, proof_, bench_uri}).text(0, 3);
        return 1;
    }

  private:
    std::string proof_; // names no token, so that one serves all
};

class ValidateProof : public OfBoundSessions {
  public:
    ValidateProof(const std::string& database, const Client& client)
        : OfBoundSessions(database, client) {
        connection().prepare(
            "read", "SELECT * FROM session_service.validate_session_proof($1, $2, 'GET', $3)");
    }
    void warm_up() override {
        for (const Bound& session : all_bound()) {
            read(session);
        }
    }
    std::uint64_t once() override {
        read(draw_bound());
        return 1;
    }

  private:
    void read(const Bound& session) {
        (void)one_row("read", {session.token, session.proof, bench_uri});
    }
};

// --- several servers

constexpr std::size_t shard_count = 4;

/// The application's own choice of a shard, of databases NAME0 to NAME3: each has a quarter of the
/// ranges of buckets, and the third group of a session's id begins with the range.
class ValidateRouted : public Drawing {
  public:
    ValidateRouted(const std::string& name, const Client& client)
        : Drawing(client, {&Ticket::token}) {
        for (std::size_t i = 0; i < shard_count; ++i) {
            connections_[i] = std::make_unique<Connection>(name + std::to_string(i));
            connections_[i]->prepare("read", "SELECT * FROM session_service.validate_session($1)");
        }
    }
    void warm_up() override {
        for (const Ticket& ticket : tickets()) {
            read(ticket);
        }
    }
    std::uint64_t once() override {
        read(draw());
        return 1;
    }
    int server_pid() override { return connections_[0]->backend_pid(); }

  private:
    void read(const Ticket& ticket) {
        constexpr std::size_t place = 15; // after the version
        const std::size_t range = std::stoul(ticket.session_id.substr(place, 1), nullptr, 16);
        Connection& shard = *connections_[range / (16 / shard_count)];
        if (shard.run_prepared("read", {ticket.token}, Format::binary).rows() != 1) {
            throw Failure("a token was refused");
        }
    }

    std::array<std::unique_ptr<Connection>, shard_count> connections_;
};

// --- bare statements

class Select : public Reading {
  public:
    Select(const std::string& database, const Client& client, Format results = Format::binary)
        : Reading(database, client, &Ticket::session_id, results) {
        connection().prepare("read", connection().value(text_of_bare_select));
    }
};

/// The floor of any round trip.
class SelectOne : public OfPostgres {
  public:
    SelectOne(const std::string& database, const Client& client)
        : OfPostgres(database, client, {&Ticket::token}) {
        connection().prepare("one", "SELECT $1::text");
    }
    std::uint64_t once() override {
        (void)one_row("one", {draw().token});
        return 1;
    }
};

class PlpgsqlValidate : public Reading {
  public:
    PlpgsqlValidate(const std::string& database, const Client& client)
        : Reading(database, client, &Ticket::token, Format::binary) {
        connection().prepare("read", "SELECT * FROM plpgsql.validate_session($1)");
    }
};

// --- the original service's statements

#define ORIGINAL_COLUMNS                                                                           \
    "id, user_id, token_hash, refresh_token_hash, ip_address, user_agent, device_name, scopes, "   \
    "created_at, last_activity_at, expires_at, revoked_at, revoke_reason, mfa_verified, "          \
    "mfa_verified_at"

std::string random_hex() {
    std::array<std::uint8_t, 32> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
        throw Failure("no random bytes");
    }
    return hex(bytes);
}

class OriginalValidate : public OfPostgres {
  public:
    OriginalValidate(const std::string& database, const Client& client)
        : OfPostgres(database, client, {&Ticket::peer_token}) {
        connection().prepare("find", "SELECT " ORIGINAL_COLUMNS " FROM original.sessions "
                                     "WHERE token_hash = $1 AND revoked_at IS NULL "
                                     "AND expires_at > now()");
        connection().prepare("touch", "UPDATE original.sessions SET last_activity_at = now() "
                                      "WHERE id = $1");
    }
    void warm_up() override {
        for (const Ticket& ticket : tickets()) {
            (void)find(ticket);
        }
    }
    std::uint64_t once() override {
        const Result session = find(draw());
        (void)connection().run_prepared("touch", {session.parameter(0, 0)});
        return 1;
    }

  private:
    Result find(const Ticket& ticket) {
        const std::string hash = sha256_hex(ticket.peer_token);
        return one_row("find", {hash});
    }
};

const char* const insert_original =
    "INSERT INTO original.sessions (user_id, token_hash, refresh_token_hash, ip_address, "
    "user_agent, device_name, scopes, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, "
    "now() + interval '168 hours') RETURNING " ORIGINAL_COLUMNS;

class OriginalCreate : public OfPostgres {
  public:
    /// `gauge`: whether all active sessions are counted at the end for a metric, as the service
    /// does, or once more those of the user.
    OriginalCreate(const std::string& database, const Client& client, bool gauge)
        : OfPostgres(
              database, client,
              {&Ticket::user_id, &Ticket::address, &Ticket::user_agent, &Ticket::device_name}),
          gauge_(gauge) {
        connection().prepare("count", "SELECT count(*) FROM original.sessions WHERE user_id = $1 "
                                      "AND revoked_at IS NULL AND expires_at > now()");
        connection().prepare("count_all", "SELECT count(*) FROM original.sessions "
                                          "WHERE revoked_at IS NULL AND expires_at > now()");
        connection().prepare("insert", insert_original);
    }
    std::uint64_t once() override {
        const Ticket& ticket = draw();
        (void)one_row("count", {ticket.user_id});
        const std::string token_hash = sha256_hex(random_hex());
        const std::string refresh_hash = sha256_hex(random_hex());
        (void)one_row("insert", {ticket.user_id, token_hash, refresh_hash, ticket.address,
                                 ticket.user_agent, ticket.device_name, "{read,write}"});
        if (gauge_) {
            (void)one_row("count_all", {});
        } else {
            (void)one_row("count", {ticket.user_id});
        }
        return 1;
    }

  private:
    bool gauge_;
};

class OriginalRefresh : public Spending {
  public:
    OriginalRefresh(const std::string& database, const Client& client)
        : Spending(database, client, &Ticket::peer_refresh_token) {
        connection().prepare("find", "SELECT " ORIGINAL_COLUMNS " FROM original.sessions "
                                     "WHERE refresh_token_hash = $1 AND revoked_at IS NULL "
                                     "AND expires_at > now()");
        connection().prepare("insert", insert_original);
        connection().prepare("revoke", "UPDATE original.sessions SET revoked_at = now(), "
                                       "revoke_reason = 'Refresh token rotation' WHERE id = $1");
    }
    std::uint64_t once() override {
        std::string& token = draw_own();
        const std::string hash = sha256_hex(token);
        const Result old = one_row("find", {hash});
        const std::string session_hash = sha256_hex(random_hex());
        const std::string next = random_hex();
        const std::string next_hash = sha256_hex(next);
        (void)one_row("insert", {old.parameter(0, 1), session_hash, next_hash, old.parameter(0, 4),
                                 old.parameter(0, 5), old.parameter(0, 6), old.parameter(0, 7)});
        (void)connection().run_prepared("revoke", {old.parameter(0, 0)});
        token = next;
        return 1;
    }
};

// --- Redis

class OfRedis : public Drawing {
  public:
    OfRedis(const std::string& socket, const Client& client)
        : Drawing(client, {&Ticket::token}), redis_(socket) {}
    int server_pid() override { return redis_.server_pid(); }

  protected:
    RedisConnection& redis() { return redis_; }

  private:
    RedisConnection redis_;
};

class RedisGet : public OfRedis {
  public:
    using OfRedis::OfRedis;
    void warm_up() override {
        for (const Ticket& ticket : tickets()) {
            get(ticket);
        }
    }
    std::uint64_t once() override {
        get(draw());
        return 1;
    }

  private:
    void get(const Ticket& ticket) {
        if (redis().get(redis_key(sha256_hex(ticket.token))).empty()) {
            throw Failure("Redis does not have the key");
        }
    }
};

/// The values of `size` keys by one MGET, neighbours in the file, which is in random order.
template <std::size_t size>
class RedisGetMany : public OfRedis {
  public:
    using OfRedis::OfRedis;
    std::uint64_t once() override {
        std::vector<std::string> keys;
        keys.reserve(size);
        for (const Ticket& ticket : draw_many(size)) {
            keys.push_back(redis_key(sha256_hex(ticket.token)));
        }
        if (redis().get_many(keys) != size) {
            throw Failure("Redis does not have a key");
        }
        return size;
    }
};

/// A sign-in: a new token, stored under its hash.
class RedisSet : public OfRedis {
  public:
    using OfRedis::OfRedis;
    std::uint64_t once() override {
        constexpr std::size_t size = 300;
        redis().set(redis_key(sha256_hex(random_hex())), std::string(size, 'x'));
        return 1;
    }
};

template <typename Kind>
std::unique_ptr<Side> make(const std::string& where, const Client& client) {
    return std::make_unique<Kind>(where, client);
}

template <typename Kind>
std::unique_ptr<Side> make_with_text(const std::string& where, const Client& client) {
    return std::make_unique<Kind>(where, client, Format::text);
}

std::unique_ptr<Side> make_original_create(const std::string& where, const Client& client) {
    return std::make_unique<OriginalCreate>(where, client, false);
}

std::unique_ptr<Side> make_original_create_gauge(const std::string& where, const Client& client) {
    return std::make_unique<OriginalCreate>(where, client, true);
}

std::unique_ptr<Side> make_sign_in_and_out(const std::string& where, const Client& client) {
    return std::make_unique<SignInAndOut>(where, client, false);
}

std::unique_ptr<Side> make_sign_in_and_out_notifying(const std::string& where,
                                                     const Client& client) {
    return std::make_unique<SignInAndOut>(where, client, true);
}

using Maker = std::unique_ptr<Side> (*)(const std::string&, const Client&);

const std::map<std::string, Maker>& makers() {
    static const std::map<std::string, Maker> all{
        {"validate", make<Validate>},
        {"validate_text", make_with_text<Validate>},
        {"validate_user", make<ValidateUser>},
        {"validate_100", make<ValidateMany<100>>},
        {"validate_1000", make<ValidateMany<1000>>},
        {"touch_1", make<Touch<1>>},
        {"touch_100", make<Touch<100>>},
        {"touch_1000", make<Touch<1000>>},
        {"refuse", make<Refuse>},
        {"create", make<Create>},
        {"refresh", make<Refresh>},
        {"refresh_bound", make<RefreshBound>},
        {"validate_proof", make<ValidateProof>},
        {"validate_routed", make<ValidateRouted>},
        {"sign_in_out", make_sign_in_and_out},
        {"sign_in_out_notify", make_sign_in_and_out_notifying},
        {"select", make<Select>},
        {"select_text", make_with_text<Select>},
        {"select_one", make<SelectOne>},
        {"plpgsql_validate", make<PlpgsqlValidate>},
        {"original_validate", make<OriginalValidate>},
        {"original_create", make_original_create},
        {"original_create_gauge", make_original_create_gauge},
        {"original_refresh", make<OriginalRefresh>},
        {"redis_get", make<RedisGet>},
        {"redis_mget_100", make<RedisGetMany<100>>},
        {"redis_set", make<RedisSet>},
    };
    return all;
}

std::string name_of(const std::string& specification) {
    return specification.substr(0, specification.find(':'));
}

std::string where_of(const std::string& specification) {
    return specification.substr(specification.find(':') + 1);
}

} // namespace

std::vector<Ticket> read_tickets(const std::string& path) {
    std::ifstream file(path);
    std::vector<Ticket> tickets;
    for (std::string line; std::getline(file, line);) {
        std::istringstream fields(line);
        Ticket ticket;
        for (const Field field :
             {&Ticket::token, &Ticket::refresh_token, &Ticket::session_id, &Ticket::user_id,
              &Ticket::device_key, &Ticket::device_name, &Ticket::user_agent, &Ticket::address,
              &Ticket::peer_token, &Ticket::peer_refresh_token}) {
            std::getline(fields, ticket.*field, '\t');
        }
        tickets.push_back(std::move(ticket));
    }
    if (tickets.empty()) {
        throw Failure("no tokens in " + path);
    }
    return tickets;
}

std::unique_ptr<Side> make_side(const std::string& specification, const Client& client) {
    const auto maker = makers().find(name_of(specification));
    if (maker == makers().end()) {
        throw Failure("unknown side: " + specification);
    }
    return maker->second(where_of(specification), client);
}

std::string database_of(const std::string& specification) {
    if (specification.starts_with("redis")) {
        return "";
    }
    // Of several databases, the first.
    return where_of(specification) + (specification.starts_with("validate_routed") ? "0" : "");
}

std::string table_of(const std::string& specification) {
    return specification.starts_with("original") ? "original.sessions" : "session_service.sessions";
}

} // namespace bench
