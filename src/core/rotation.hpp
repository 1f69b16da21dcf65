// How a refresh derives the next pair: HKDF-SHA-256 of the presented token's secret with a salt
// that the session keeps for the length of the grace. Whoever presents the same token again derives
// the same pair; whoever holds only the database derives nothing.
#pragma once

#include "core/bytes.hpp"
#include "core/token.hpp"

namespace session_service::core {

using RotationSalt = std::array<std::uint8_t, 32>;

/// The secrets of the pair that replaces a refresh token.
struct SuccessorSecrets {
    Secret session;
    Secret refresh;
};

/// Derives the next pair's secrets, each `secret_length` bytes, from what the presented token alone
/// knows. `key_material` is its secret, or the whole text of an imported token. Throws CryptoError,
/// and std::length_error where `secret_length` is out of bounds.
SuccessorSecrets derive_successors(Bytes key_material, const RotationSalt& salt,
                                   std::size_t secret_length);

/// The family key of a session whose imported refresh token had none: the same at each refresh with
/// that token. Throws CryptoError.
FamilyKey derive_family_key(Bytes key_material, const Uuid& session_id);

} // namespace session_service::core
