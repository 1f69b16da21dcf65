#include "client/proofs.hpp"

#include "client/postgres.hpp"

#include "core/base64url.hpp"
#include "core/crypto.hpp"

#include <openssl/core_names.h>
#include <openssl/ec.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace bench {

namespace core = session_service::core;

namespace {

using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
using Signature = std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)>;

constexpr std::size_t coordinate_size = 32;

std::string base64url(core::Bytes bytes) {
    std::string text(core::base64url_length(bytes.size()), '\0');
    core::base64url_encode(bytes, text.data());
    return text;
}

std::string base64url(const std::string& text) {
    return base64url(core::bytes_of(text));
}

void require(bool is_done, const char* what) {
    if (!is_done) {
        throw Failure(what);
    }
}

// r and s, as JWS has them (RFC 7518, 3.4).
std::array<std::uint8_t, 2 * coordinate_size> plain(std::span<const std::uint8_t> der) {
    const std::uint8_t* at = der.data();
    const Signature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())),
                              ECDSA_SIG_free);
    require(signature != nullptr, "a signature that is none");
    std::array<std::uint8_t, 2 * coordinate_size> bytes{};
    require(BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), bytes.data(), coordinate_size) > 0 &&
                BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), bytes.data() + coordinate_size,
                             coordinate_size) > 0,
            "a signature that is too long");
    return bytes;
}

std::string sign(EVP_PKEY* key, const std::string& input) {
    const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    const core::Bytes bytes = core::bytes_of(input);
    std::array<std::uint8_t, 128> der{};
    std::size_t size = der.size();
    require(context != nullptr &&
                EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
                EVP_DigestSign(context.get(), der.data(), &size, bytes.data(), bytes.size()) == 1,
            "cannot sign");
    return base64url(plain(std::span(der).first(size)));
}

std::int64_t seconds_now() {
    using std::chrono::seconds;
    return std::chrono::duration_cast<seconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

} // namespace

ProofKey::ProofKey() : key_(EVP_EC_gen("P-256"), EVP_PKEY_free) {
    std::array<std::uint8_t, 1 + 2 * coordinate_size> point{};
    std::size_t size = 0;
    require(key_ != nullptr &&
                EVP_PKEY_get_octet_string_param(key_.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                                point.size(), &size) == 1 &&
                size == point.size(),
            "cannot make a key");
    const core::Bytes coordinates = std::span(point).subspan(1);
    jwk_ = R"({"crv":"P-256","kty":"EC","x":")" + base64url(coordinates.first(coordinate_size)) +
           R"(","y":")" + base64url(coordinates.subspan(coordinate_size)) + "\"}";
}

std::string ProofKey::proof(const std::string& method, const std::string& uri,
                            const std::string& token) const {
    const std::string header = R"({"typ":"dpop+jwt","alg":"ES256","jwk":)" + jwk_ + "}";
    std::string claims = R"({"jti":"benchmark","htm":")" + method + R"(","htu":")" + uri +
                         R"(","iat":)" + std::to_string(seconds_now());
    if (!token.empty()) {
        claims += R"(,"ath":")" + base64url(core::sha256(core::bytes_of(token))) + "\"";
    }
    const std::string input = base64url(header) + "." + base64url(claims + "}");
    return input + "." + sign(key_.get(), input);
}

} // namespace bench
