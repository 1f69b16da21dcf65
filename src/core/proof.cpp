#include "core/proof.hpp"

#include "core/base64url.hpp"
#include "core/http_uri.hpp"

#include <algorithm>
#include <cmath>

namespace session_service::core {
namespace {

constexpr std::array<std::string_view, 3> algorithms{"ES256", "RS256", "EdDSA"};

/// A member of this name that is there, and is no text.
bool is_no_text(const JsonObject& object, std::string_view name) {
    return object.has(name) && !object.string(name);
}

std::optional<ProofKind> kind_of(const JsonObject& header) {
    const std::optional<std::string_view> type = header.string("typ");
    if (type == "dbsc+jwt") {
        return ProofKind::dbsc;
    }
    if (type == "dpop+jwt") {
        return ProofKind::dpop;
    }
    return std::nullopt;
}

bool has_claims_of_dbsc(const JsonObject& payload) {
    const std::optional<std::string_view> challenge = payload.string("jti");
    return challenge && !challenge->empty();
}

/// RFC 9449, section 4.2.
bool has_claims_of_dpop(const JsonObject& payload) {
    const std::optional<std::string_view> id = payload.string("jti");
    return id && !id->empty() && id->size() <= max_proof_id_length && payload.string("htm") &&
           payload.string("htu") && payload.number("iat") && !is_no_text(payload, "ath") &&
           !is_no_text(payload, "nonce");
}

} // namespace

std::optional<Proof> Proof::parse(std::string_view text) {
    std::optional<Jws> jws = parse_jws(text);
    if (!jws) {
        return std::nullopt;
    }
    const std::optional<ProofKind> kind = kind_of(jws->header);
    const std::optional<std::string_view> algorithm = jws->header.string("alg");
    if (!kind || !algorithm || std::ranges::find(algorithms, *algorithm) == algorithms.end()) {
        return std::nullopt;
    }

    const bool is_dbsc = *kind == ProofKind::dbsc;
    if (!(is_dbsc ? has_claims_of_dbsc(jws->payload) : has_claims_of_dpop(jws->payload))) {
        return std::nullopt;
    }
    const bool has_jwk = jws->header.has("jwk");
    const bool has_key = is_dbsc && jws->payload.has("key");
    if (has_jwk && has_key) {
        return std::nullopt;
    }
    std::optional<PublicKey> key;
    if (has_jwk || has_key) {
        const std::optional<JsonObject> jwk =
            has_jwk ? jws->header.object("jwk") : jws->payload.object("key");
        key = jwk ? PublicKey::from_jwk(*jwk) : std::nullopt;
        if (!key || key->algorithm() != *algorithm) {
            return std::nullopt;
        }
    } else if (!is_dbsc) {
        return std::nullopt;
    }
    return Proof(*kind, std::move(*jws), std::move(key));
}

std::optional<std::string_view> Proof::challenge() const noexcept {
    return jws_.payload.string(kind_ == ProofKind::dbsc ? "jti" : "nonce");
}

bool Proof::is_for(const HttpRequest& request) const {
    if (kind_ != ProofKind::dpop || jws_.payload.string("htm") != request.method) {
        return false;
    }
    // As floating-point numbers, of which none is out of range. Microseconds of today are exact.
    const double issued = *jws_.payload.number("iat") * static_cast<double>(micros_per_second);
    if (!(std::abs(static_cast<double>(request.now) - issued) <=
          static_cast<double>(request.max_age))) {
        return false;
    }
    const std::optional<std::string> uri = normalize_http_uri(request.uri);
    return uri && uri == normalize_http_uri(*jws_.payload.string("htu"));
}

bool Proof::is_for_token(const Digest& token_hash) const noexcept {
    std::array<char, base64url_length(std::tuple_size_v<Digest>)> text{};
    base64url_encode(token_hash, text.data());
    return kind_ == ProofKind::dpop &&
           jws_.payload.string("ath") == std::string_view(text.data(), text.size());
}

bool Proof::is_signed_by(const PublicKey& key) const {
    return jws_.header.string("alg") == key.algorithm() &&
           key.verify(bytes_of(jws_.signing_input), jws_.signature);
}

} // namespace session_service::core
