// Any bytes: are a scope exactly where the grammar of RFC 6749, section 3.3, says so.
#include "core/scope.hpp"

#include "fuzz.hpp"

namespace session_service {
namespace {

/// scope-token = 1*( %x21 / %x23-5B / %x5D-7E ), as it is written there.
bool matches_grammar(core::Bytes text) {
    return !text.empty() && std::ranges::all_of(text, [](std::uint8_t byte) {
        return byte == 0x21 || (byte >= 0x23 && byte <= 0x5b) || (byte >= 0x5d && byte <= 0x7e);
    });
}

} // namespace
} // namespace session_service

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace session_service;
    const core::Bytes input(data, size);
    const bool is_scope = core::is_scope_token(fuzz::text_of(input));
    fuzz::require(is_scope == matches_grammar(input));

    // What is listed with single spaces between can be told apart again, and quoted as it is.
    fuzz::require(!is_scope ||
                  fuzz::text_of(input).find_first_of(" \"\\") == std::string_view::npos);
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned random) {
    static const std::vector<std::string> seeds{"read", "user:email",
                                                "https://www.example.com/auth/drive", "!#[]~"};
    return session_service::fuzz::mutate_from(seeds, data, size, max_size, random);
}
