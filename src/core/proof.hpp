// Proofs that a client holds a private key, in either of two protocols.
//
//   dbsc   Device Bound Session Credentials (W3C draft): `jti` is the challenge; the key comes with
//          the registration, as `jwk` of the header or, in earlier drafts, as `key` of the payload.
//   dpop   Demonstrating Proof of Possession (RFC 9449): for one HTTP request, with the key.
#pragma once

#include "core/jws.hpp"
#include "core/lifetime.hpp"
#include "core/public_key.hpp"

namespace session_service::core {

enum class ProofKind : std::uint8_t { dbsc, dpop };

/// No `jti` of a DPoP proof is longer.
inline constexpr std::size_t max_proof_id_length = 512;

/// The request that a DPoP proof has to be for.
struct HttpRequest {
    std::string_view method;
    std::string_view uri;
    Micros now = 0;     // of the Unix epoch
    Micros max_age = 0; // how far `iat` may lie from now, in either direction
};

/// A well-formed proof. It proves nothing before is_signed_by() says so.
class Proof {
  public:
    /// Reads a proof of either kind; nothing for any other text. The text has to outlive the proof.
    static std::optional<Proof> parse(std::string_view text);

    ProofKind kind() const noexcept { return kind_; }

    /// The key that the proof carries: always in dpop, at the registration in dbsc.
    const std::optional<PublicKey>& key() const noexcept { return key_; }

    /// dbsc: the challenge that it answers. dpop: the server's nonce, where it has one.
    std::optional<std::string_view> challenge() const noexcept;

    /// dpop: whether it is for this request (RFC 9449, section 4.3, steps 8, 9 and 11). `htu` is
    /// compared as core/http_uri.hpp normalizes it.
    bool is_for(const HttpRequest& request) const;

    /// dpop: whether it is for requests with the access token of this SHA-256 (`ath`).
    bool is_for_token(const Digest& token_hash) const noexcept;

    /// Whether the key's holder signed it. The most expensive check: to be made last.
    bool is_signed_by(const PublicKey& key) const;

  private:
    Proof(ProofKind kind, Jws jws, std::optional<PublicKey> key)
        : kind_(kind), jws_(std::move(jws)), key_(std::move(key)) {}

    ProofKind kind_;
    Jws jws_;
    std::optional<PublicKey> key_;
};

} // namespace session_service::core
