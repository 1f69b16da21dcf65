// Public keys that verify signatures: P-256 with ES256, RSA of 2048 to 4096 bits with RS256, and
// Ed25519 with EdDSA (RFC 7518, RFC 8037).
#pragma once

#include "core/bytes.hpp"
#include "core/json.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace session_service::core {

class PublicKey {
  public:
    /// Reads a JWK (RFC 7517). Nothing for one that is private, malformed, of another type or size,
    /// or whose `alg` or `use` say that it is for something else. Whether a point lies on its curve
    /// is found out by verify() alone.
    static std::optional<PublicKey> from_jwk(const JsonObject& jwk);

    /// The required members in the order of their names and without white space (RFC 7638, section
    /// 3.2): keys are the same exactly where these are. A JWK itself.
    const std::string& canonical() const noexcept { return canonical_; }

    /// The only signature algorithm that the key is for: "ES256", "RS256" or "EdDSA".
    std::string_view algorithm() const noexcept { return algorithm_; }

    /// Whether the signature, in the form of JWS (RFC 7518, sections 3.3 and 3.4; RFC 8037, section
    /// 3.1), is the key's of this input. Throws CryptoError, and std::bad_alloc.
    bool verify(Bytes input, Bytes signature) const;

  private:
    PublicKey() = default;

    static std::optional<PublicKey> from_p256(const JsonObject& jwk);
    static std::optional<PublicKey> from_rsa(const JsonObject& jwk);
    static std::optional<PublicKey> from_ed25519(const JsonObject& jwk);

    std::string canonical_;
    std::string_view algorithm_;
    // RSA: the modulus, and the exponent. P-256: the point, uncompressed. Ed25519: the point.
    std::vector<std::uint8_t> number_;
    std::vector<std::uint8_t> exponent_;
};

/// A thumbprint as text, in place.
struct Thumbprint {
    std::array<char, 43> chars{};

    std::string_view view() const noexcept { return {chars.data(), chars.size()}; }
};

/// The thumbprint of a key in canonical form (RFC 7638, with SHA-256), in base64url. Throws
/// CryptoError.
Thumbprint thumbprint_of(std::string_view canonical);

} // namespace session_service::core
