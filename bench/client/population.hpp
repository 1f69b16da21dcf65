// The sessions that the benchmark works on: made, not stored. Session `n` follows from the seed and
// `n` alone, so that each table, and each peer, is filled with the same ones in a pass of its own.
#pragma once

#include "core/bytes.hpp"
#include "core/lifetime.hpp"
#include "core/token.hpp"
#include "core/user_agent.hpp"

#include <string>

namespace bench {

namespace core = session_service::core;

/// Everything that a sign-in would have been given, and what it would have made of it.
struct MadeSession {
    core::Uuid user_id{};
    std::uint16_t bucket = 0;
    core::Uuid session_id{};
    core::Uuid device_id{};
    core::Uuid event_id{};
    std::int64_t created = 0; // microseconds, Unix time
    std::string token;
    std::string refresh_token;
    core::FamilyKey family_key{};
    std::string device_key;
    std::string device_name;
    std::string user_agent;
    std::array<std::uint8_t, 4> address{};
    // The peer that keeps tokens as hexadecimal text
    core::Uuid peer_id{};
    std::string peer_token;
    std::string peer_refresh_token;
};

class Population {
  public:
    static constexpr std::uint64_t sessions_per_user = 2;

    /// `count` sessions, signed in one after the other within the `spread` before `now`
    /// (microseconds, Unix time).
    Population(std::uint64_t count, std::int64_t now, std::int64_t spread)
        : count_(count), now_(now), spread_(spread) {}

    std::uint64_t count() const { return count_; }
    std::uint64_t users() const { return (count_ + sessions_per_user - 1) / sessions_per_user; }

    /// When session `n` was created; a later one has a later time.
    std::int64_t created(std::uint64_t n) const;
    static core::Uuid user_id(std::uint64_t user);
    MadeSession session(std::uint64_t n) const;

  private:
    std::uint64_t count_;
    std::int64_t now_;
    std::int64_t spread_;
};

/// Lower-case hexadecimal text.
std::string hex(core::Bytes bytes);
std::string uuid_text(const core::Uuid& id);
std::string address_text(const std::array<std::uint8_t, 4>& address);

/// SHA-256 as hexadecimal text, for any thread.
std::string sha256_hex(const std::string& text);

} // namespace bench
