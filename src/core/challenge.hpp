// Challenges that a client signs to prove that it holds a key now. Nothing about one is stored: it
// is a moment, and a code over that and what it is for, under keys that the server has in part and
// the presented token in part. So who holds the database alone, or a token alone, cannot make one.
//
//   base64url( moment 8B | HMAC-SHA-256 over purpose, session id, generation and moment )
//
// The moment is cut to an eighth of the lifetime, so that servers give the same challenge for a
// while; a challenge is good for seven eighths of its lifetime at least, and never longer than it.
#pragma once

#include "core/bytes.hpp"
#include "core/lifetime.hpp"

#include <array>

namespace session_service::core {

enum class ChallengePurpose : std::uint8_t { registration = 1, refresh = 2, request = 3 };

/// What a challenge is for.
struct ChallengeScope {
    ChallengePurpose purpose = ChallengePurpose::registration;
    Uuid session_id{};
    std::int32_t generation = 0; // of the session's tokens; 0 where that does not matter
};

/// A challenge as text, in place.
struct Challenge {
    std::array<char, 54> chars{};

    std::string_view view() const noexcept { return {chars.data(), chars.size()}; }
};

/// The challenge of this moment. `now` and `lifetime` in microseconds, `now` of the Unix epoch; the
/// keys together hold 16 bytes at least. Throws CryptoError.
Challenge make_challenge(Bytes stored_key, Bytes token_key, const ChallengeScope& scope, Micros now,
                         Micros lifetime);

/// Whether `text` is a challenge that was made for this, less than `lifetime` ago; also one of a
/// server whose clock is ahead by an eighth of that at most. Any bytes may be given. Throws
/// CryptoError.
bool is_good_challenge(std::string_view text, Bytes stored_key, Bytes token_key,
                       const ChallengeScope& scope, Micros now, Micros lifetime);

} // namespace session_service::core
