// Any object: is no key, or one that is the same when it is read again, and verifies nothing that
// was not signed. Any numbers: are a key exactly where their sizes are right.
#include "core/public_key.hpp"

#include "core/base64url.hpp"
#include "fuzz.hpp"

#include <openssl/err.h>

namespace session_service {
namespace {

using core::Bytes;
using core::PublicKey;
using fuzz::require;

std::string encoded(Bytes bytes) {
    std::string text(core::base64url_length(bytes.size()), '\0');
    core::base64url_encode(bytes, text.data());
    return text;
}

std::optional<PublicKey> key_of(std::string_view jwk) {
    const auto object = core::JsonObject::parse(jwk);
    return object ? PublicKey::from_jwk(*object) : std::nullopt;
}

void require_well_formed(const PublicKey& key) {
    const auto again = key_of(key.canonical());
    require(again && again->canonical() == key.canonical() &&
            again->algorithm() == key.algorithm());
    require(key.canonical().find_first_of(" \t\r\n\\=+/") == std::string::npos);
    require(core::thumbprint_of(key.canonical()).view() ==
            core::thumbprint_of(again->canonical()).view());

    // Of the size that a signature would have.
    std::size_t size = 64;
    if (key.algorithm() == "RS256") {
        const auto object = core::JsonObject::parse(key.canonical());
        size = object->string("n")->size() * 3 / 4;
    } else {
        require(key.algorithm() == "ES256" || key.algorithm() == "EdDSA");
    }
    for (const std::uint8_t byte : {std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{0xff}}) {
        require(!key.verify(core::bytes_of("unsigned"), std::vector<std::uint8_t>(size, byte)));
        require(ERR_peek_error() == 0);
    }
}

void check_text(std::string_view text) {
    if (const auto key = key_of(text)) {
        require_well_formed(*key);
        for (const char* name : {"\"d\":", "\"k\":", "\"oth\":"}) {
            require(text.find(name) == std::string_view::npos);
        }
    }
}

/// What section 6.3.1 of RFC 7518 and the sizes that are taken say of a number.
bool is_number(Bytes bytes, std::size_t shortest, std::size_t longest) {
    return bytes.size() >= shortest && bytes.size() <= longest && bytes.front() != 0 &&
           bytes.back() % 2 == 1;
}

void check_numbers(Bytes input) {
    fuzz::Source source(input);
    const std::uint8_t kind = source.byte();
    const std::size_t high = source.byte();
    const std::size_t first_size = (high * 256 + source.byte()) % 600;
    const std::size_t second_size = source.byte() % 40;
    std::vector<std::uint8_t> first(first_size);
    std::vector<std::uint8_t> second(second_size);
    source.fill(first);
    source.fill(second);
    const std::string one = encoded(first);
    const std::string two = encoded(second);

    std::string jwk;
    bool right = false;
    if (kind % 3 == 0) {
        jwk = R"({"kty":"EC","crv":"P-256","x":")" + one + R"(","y":")" + two + "\"}";
        right = first.size() == 32 && second.size() == 32;
    } else if (kind % 3 == 1) {
        jwk = R"({"kty":"OKP","crv":"Ed25519","x":")" + one + "\"}";
        right = first.size() == 32;
    } else {
        jwk = R"({"kty":"RSA","n":")" + one + R"(","e":")" + two + "\"}";
        right = is_number(first, 256, 512) && (first.size() > 256 || first.front() >= 0x80) &&
                is_number(second, 3, 8);
    }
    const auto key = key_of(jwk);
    require(key.has_value() == right);
    if (key) {
        require_well_formed(*key);
    }
}

} // namespace
} // namespace session_service

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const session_service::core::Bytes input(data, size);
    session_service::check_text(session_service::fuzz::text_of(input));
    session_service::check_numbers(input);
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned random) {
    using namespace session_service;
    static const std::vector<std::string> seeds = [] {
        // For check_numbers: the kind, and both lengths.
        const auto numbers = [](char kind, std::size_t first, std::size_t second) {
            return std::string{kind, static_cast<char>(first / 256), static_cast<char>(first % 256),
                               static_cast<char>(second)} +
                   std::string(first + second, '\x81');
        };
        const std::string p256 =
            R"({"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",)"
            R"("y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","use":"sig","alg":"ES256","kid":"a"})";
        // RFC 9449, RFC 8037, and a modulus that nobody has the factors of.
        return std::vector<std::string>{
            p256,
            R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
            R"({"kty":"RSA","e":"AQAB","n":")" + encoded(std::vector<std::uint8_t>(256, 0x81)) +
                "\"}",
            R"({"kty":"EC","crv":"P-256","d":"AQAB","k":"","oth":[]})",
            numbers('\0', 32, 32),
            numbers('\1', 32, 0),
            numbers('\2', 256, 3),
            numbers('\2', 512, 8),
        };
    }();
    return fuzz::mutate_from(seeds, data, size, max_size, random);
}
