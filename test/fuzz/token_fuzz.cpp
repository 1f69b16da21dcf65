// Any bytes: are refused, or are the one text of what they say. Any fields: come back. And, since
// chance finds no checksum: any payload with the right one is judged by its version and length
// alone.
#include "core/token.hpp"

#include "core/base64url.hpp"
#include "core/crc32c.hpp"
#include "core/uuid.hpp"
#include "fuzz.hpp"

namespace session_service {
namespace {

using core::Bytes;
using core::TokenKind;
using fuzz::require;
using fuzz::Source;

core::TokenText format(const core::ParsedToken& token) {
    return token.kind == TokenKind::session
               ? core::format_session_token(token.session_id, token.secret)
               : core::format_refresh_token(token.session_id, token.family_key, token.secret);
}

void require_well_formed(const core::ParsedToken& token, std::string_view text) {
    require(text.size() <= core::max_token_length);
    require(core::has_token_prefix(text));
    require(token.secret.length >= core::min_secret_length);
    require(token.secret.length <= core::max_secret_length);
    require(token.kind == TokenKind::refresh || token.family_key == core::FamilyKey{});
    require(core::bucket_of(token.session_id) < core::bucket_count);
    require(format(token).view() == text);
}

void check_text(std::string_view text) {
    if (const auto token = core::parse_token(text)) {
        require_well_formed(*token, text);
    }
}

void check_fields(Bytes input) {
    Source source(input);
    core::ParsedToken token;
    token.kind = source.byte() % 2 == 0 ? TokenKind::session : TokenKind::refresh;
    constexpr std::size_t lengths = core::max_secret_length - core::min_secret_length + 1;
    token.secret.length = core::min_secret_length + source.byte() % lengths;
    const std::uint8_t place = source.byte();
    const std::uint8_t change = source.byte();
    source.fill(token.session_id);
    if (token.kind == TokenKind::refresh) {
        source.fill(token.family_key);
    }
    source.fill(token.secret.view());

    const core::TokenText text = format(token);
    const auto again = core::parse_token(text.view());
    require(again.has_value());
    require(again->kind == token.kind && again->session_id == token.session_id &&
            again->family_key == token.family_key && again->secret.length == token.secret.length &&
            again->secret.bytes == token.secret.bytes);

    // One character changed is no token.
    std::string changed(text.view());
    changed[place % changed.size()] = static_cast<char>(change);
    require(core::parse_token(changed).has_value() == (changed == text.view()));
    // With the end cut off it is one only where the rest was made to end with its own checksum.
    check_text(text.view().substr(0, place % text.length));
}

void check_payload(Bytes input) {
    Source source(input);
    const bool refresh = source.byte() % 2 != 0;
    const std::string_view prefix =
        refresh ? core::refresh_token_prefix : core::session_token_prefix;
    std::vector<std::uint8_t> payload(source.rest().begin(), source.rest().end());
    const std::uint32_t checksum = core::crc32c(payload, core::crc32c(core::bytes_of(prefix)));
    for (const int shift : {24, 16, 8, 0}) {
        payload.push_back(static_cast<std::uint8_t>(checksum >> shift));
    }
    std::string text(core::base64url_length(payload.size()), '\0');
    core::base64url_encode(payload, text.data());
    text.insert(0, prefix);

    const std::size_t overhead = refresh ? 1 + 16 + 16 + 4 : 1 + 16 + 4;
    const bool right = payload.front() == 1 &&
                       payload.size() >= overhead + core::min_secret_length &&
                       payload.size() <= overhead + core::max_secret_length;
    const auto token = core::parse_token(text);
    require(token.has_value() == right);
    if (token) {
        require_well_formed(*token, text);
    }
}

} // namespace
} // namespace session_service

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const session_service::core::Bytes input(data, size);
    session_service::check_text(session_service::fuzz::text_of(input));
    session_service::check_fields(input);
    session_service::check_payload(input);
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned random) {
    using namespace session_service;
    static const std::vector<std::string> seeds = [] {
        std::vector<std::string> texts;
        for (const std::size_t length : {core::min_secret_length, std::size_t{32}, std::size_t{33},
                                         std::size_t{34}, core::max_secret_length}) {
            core::Secret secret;
            secret.length = length;
            texts.emplace_back(core::format_session_token({}, secret).view());
            texts.emplace_back(core::format_refresh_token({}, {}, secret).view());

            // For check_payload, whose first byte is the kind: a version, and an id with all the
            // rest.
            texts.push_back(std::string("\0\1", 2) + std::string(16 + length, 'x'));
            texts.push_back(std::string("\1\1", 2) + std::string(32 + length, 'x'));
        }
        return texts;
    }();
    return fuzz::mutate_from(seeds, data, size, max_size, random);
}
