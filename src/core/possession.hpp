// What a presented proof is worth to a session: the rules of both protocols, for callers that keep
// nothing of a proof. Texts are views of the caller's.
#pragma once

#include "core/bytes.hpp"
#include "core/challenge.hpp"
#include "core/proof.hpp"

#include <array>
#include <optional>

namespace session_service::core {

/// A proof as it came, with the request that it came with; empty where something is missing.
struct PresentedProof {
    std::string_view text;
    std::string_view method;
    std::string_view uri;
};

/// What the settings say of proofs, and the time that they are judged by, of the Unix epoch.
struct ProofRules {
    Micros now = 0;
    Micros max_age = 0;            // of a DPoP proof
    Micros challenge_lifetime = 0; // how long a challenge may be answered
    bool needs_nonce = false;      // a DPoP proof has to carry the challenge
};

/// The keys under which a challenge is made.
struct ChallengeKeys {
    Bytes stored; // the session's, empty before it is bound
    Bytes token;  // what the presented token alone knows
};

/// A public key in canonical form, in place. The longest is RSA's of 4096 bits.
struct KeyText {
    std::array<char, 1024> chars{};
    std::size_t length = 0;

    std::string_view view() const noexcept { return {chars.data(), length}; }
};

/// The key that a session is bound to.
struct BoundKey {
    ProofKind kind = ProofKind::dbsc;
    std::string_view canonical;
};

/// What a good proof at the registration tells.
struct Registration {
    ProofKind kind = ProofKind::dbsc;
    KeyText key;
};

/// Judges the proof that shall bind a session whose session token has this hash, or has bound it at
/// the time of the rules: it has to carry the key that signed it. Throws CryptoError,
/// std::bad_alloc.
std::optional<Registration> check_registration(const PresentedProof& given, const ProofRules& rules,
                                               const ChallengeKeys& keys, const Uuid& session_id,
                                               const Digest& token_hash);

/// What a proof is worth at a refresh.
enum class RefreshProof : std::uint8_t {
    refused,
    renews,  // for a new pair
    repeats, // for the pair that was given for it before
};

/// The session of a presented refresh token.
struct RefreshScope {
    Uuid session_id{};
    std::int32_t generation = 0;
    /// When the token was replaced, where it was so last and within the grace. A proof that was
    /// good then gets the same pair again.
    std::optional<Micros> replaced;
};

/// Judges the proof of a refresh. Throws CryptoError, std::bad_alloc.
RefreshProof check_refresh(const PresentedProof& given, const ProofRules& rules,
                           const BoundKey& bound, const ChallengeKeys& keys,
                           const RefreshScope& scope);

/// Judges the proof of one request with the session token of this hash. Throws CryptoError,
/// std::bad_alloc.
bool check_request(const PresentedProof& given, const ProofRules& rules, const BoundKey& bound,
                   const ChallengeKeys& keys, const Uuid& session_id, const Digest& token_hash);

} // namespace session_service::core
