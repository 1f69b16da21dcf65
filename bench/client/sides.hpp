// What is measured: each side is one way to do one operation, as one client does it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bench {

/// One line of the file that `client fill` writes.
struct Ticket {
    std::string token;
    std::string refresh_token;
    std::string session_id;
    std::string user_id;
    std::string device_key;
    std::string device_name;
    std::string user_agent;
    std::string address;
    std::string peer_token;
    std::string peer_refresh_token;
};

std::vector<Ticket> read_tickets(const std::string& path);

/// The tickets of one client of several: those who spend theirs (a refresh) must not share.
struct Client {
    const std::vector<Ticket>* tickets;
    std::size_t index;
    std::size_t count;
};

class Side {
  public:
    Side() = default;
    Side(const Side&) = delete;
    Side& operator=(const Side&) = delete;
    virtual ~Side() = default;

    /// Reads each ticket once, where a server process is slower at the first time: what is measured
    /// is a connection that has been in use.
    virtual void warm_up() {}

    /// Does the operation once, and tells how many units of work that was.
    virtual std::uint64_t once() = 0;

    /// The server process that works for this side.
    virtual int server_pid() = 0;
};

/// The bare SELECT beside which validate_session is measured: of the database, where
/// sql/bare_select.sql defines it, since its columns follow from the extension's.
inline constexpr const char* text_of_bare_select = "SELECT bench.bare_select()";

/// `specification` is NAME:WHERE, of which WHERE is a database or Redis' socket. The names are
/// listed in sides.cpp.
std::unique_ptr<Side> make_side(const std::string& specification, const Client& client);

/// The database of a specification, "" for Redis.
std::string database_of(const std::string& specification);

/// The table whose updates the side's are, for the share of HOT updates.
std::string table_of(const std::string& specification);

} // namespace bench
