// Any header and payload: are no proof, or one that has what its kind needs, is for the request
// that it names and no other, and is signed by nobody.
#include "core/proof.hpp"

#include "core/base64url.hpp"
#include "core/http_uri.hpp"
#include "fuzz.hpp"

#include <cmath>
#include <openssl/err.h>

namespace session_service {
namespace {

using core::Bytes;
using core::JsonObject;
using core::Micros;
using core::Proof;
using core::ProofKind;
using fuzz::require;

std::string encoded(std::string_view text) {
    std::string encoded(core::base64url_length(text.size()), '\0');
    core::base64url_encode(core::bytes_of(text), encoded.data());
    return encoded;
}

constexpr Micros now = 1'562'262'616 * core::micros_per_second;

void check_dpop(const Proof& proof, const JsonObject& payload) {
    require(proof.key().has_value());
    require(!payload.string("jti")->empty() &&
            payload.string("jti")->size() <= core::max_proof_id_length);
    require(proof.challenge() == payload.string("nonce"));

    const std::string method(*payload.string("htm"));
    const std::string uri(*payload.string("htu"));
    const double issued = *payload.number("iat");
    const bool is_uri = core::normalize_http_uri(uri).has_value();
    const bool is_now = std::abs(issued - 1'562'262'616) <= 60;
    const core::HttpRequest request{
        .method = method, .uri = uri, .now = now, .max_age = 60 * core::micros_per_second};
    // At the very end of its time floating-point numbers may differ.
    require(proof.is_for(request) == (is_uri && is_now) ||
            std::abs(std::abs(issued - 1'562'262'616) - 60) < 1e-5);

    core::HttpRequest other = request;
    const std::string other_method = method + "x";
    other.method = other_method;
    require(!proof.is_for(other));
    other = request;
    other.uri = "https://another.example/";
    require(!proof.is_for(other) ||
            core::normalize_http_uri(uri) == std::string("https://another.example/"));
    other = request;
    for (const Micros moment : {Micros{0}, core::never, std::numeric_limits<Micros>::min()}) {
        other.now = moment;
        proof.is_for(other);
    }
}

void check_proof(const Proof& proof, const JsonObject& header, const JsonObject& payload) {
    const bool is_dpop = proof.kind() == ProofKind::dpop;
    require(header.string("typ") == (is_dpop ? "dpop+jwt" : "dbsc+jwt"));
    if (is_dpop) {
        check_dpop(proof, payload);
    } else {
        require(proof.challenge() == payload.string("jti") && !proof.challenge()->empty());
        require(proof.key().has_value() == (header.has("jwk") || payload.has("key")));
        require(!header.has("jwk") || !payload.has("key"));
        require(!proof.is_for(
            {.method = "GET", .uri = "https://h/", .now = now, .max_age = core::never}));
    }
    require(!proof.is_for_token(core::Digest{}) || payload.string("ath") == std::string(43, 'A'));
    if (proof.key()) {
        require(proof.key()->algorithm() == header.string("alg"));
        require(!proof.is_signed_by(*proof.key()));
        require(ERR_peek_error() == 0);
    }
}

} // namespace
} // namespace session_service

/// The header is what comes before the first end of a line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace session_service;
    const std::string_view input = fuzz::text_of({data, size});
    const std::size_t end = std::min(input.find('\n'), input.size());
    const std::string_view header_text = input.substr(0, end);
    const std::string_view payload_text = input.substr(std::min(end + 1, input.size()));

    const std::string text =
        encoded(header_text) + "." + encoded(payload_text) + "." + encoded(std::string(64, '\x11'));
    const auto header = JsonObject::parse(header_text);
    const auto payload = JsonObject::parse(payload_text);
    const auto proof = Proof::parse(text);
    require(!proof || (header && payload));
    if (proof) {
        check_proof(*proof, *header, *payload);
    }
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned random) {
    using namespace session_service;
    static const std::vector<std::string> seeds = [] {
        const std::string jwk =
            R"({"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",)"
            R"("y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"})";
        const std::string ed25519 =
            R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";
        const std::string dpop =
            R"({"jti":"a","htm":"POST","htu":"https://server.example.com/token",)"
            R"("iat":1562262616,"nonce":"b","ath":")" +
            std::string(43, 'A') + "\"}";
        return std::vector<std::string>{
            R"({"typ":"dpop+jwt","alg":"ES256","jwk":)" + jwk + "}\n" + dpop,
            R"({"typ":"dpop+jwt","alg":"EdDSA","jwk":)" + ed25519 + "}\n" +
                R"({"jti":"a","htm":"GET","htu":"http://h","iat":1562262616.5e0})",
            R"({"typ":"dbsc+jwt","alg":"ES256","jwk":)" + jwk + "}\n" + R"({"jti":"a challenge"})",
            std::string(R"({"typ":"dbsc+jwt","alg":"EdDSA"})") + "\n" +
                R"({"jti":"a challenge","key":)" + ed25519 + "}",
            std::string(R"({"typ":"dbsc+jwt","alg":"RS256"})") + "\n" + R"({"jti":"a challenge"})",
        };
    }();
    return fuzz::mutate_from(seeds, data, size, max_size, random);
}
