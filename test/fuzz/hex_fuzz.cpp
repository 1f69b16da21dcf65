// Any text: decodes to bytes whose text it is, but for the case of its digits, or to nothing. Any
// bytes: come back.
#include "core/hex.hpp"

#include "fuzz.hpp"

namespace session_service {
namespace {

using fuzz::require;

std::string hex_of(core::Bytes bytes) {
    std::string text(2 * bytes.size(), '\0');
    core::hex_encode(bytes, text.data());
    return text;
}

void check_text(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdefABCDEF";
    // In blocks of just this size, so that a sanitizer catches a byte more.
    std::vector<std::uint8_t> bytes(text.size() / 2);
    const std::vector<char> given(text.begin(), text.end());
    const bool decodes = core::hex_decode({given.data(), given.size()}, bytes);
    require(decodes ==
            (text.size() % 2 == 0 && text.find_first_not_of(digits) == std::string_view::npos));
    if (decodes) {
        std::string lower(text);
        std::ranges::transform(lower, lower.begin(), [](char c) {
            return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
        });
        require(hex_of(bytes) == lower);
    }
    std::vector<std::uint8_t> longer(bytes.size() + 1);
    require(!core::hex_decode(text, longer));
}

void check_bytes(core::Bytes bytes) {
    std::vector<std::uint8_t> again(bytes.size());
    require(core::hex_decode(hex_of(bytes), again));
    require(std::ranges::equal(again, bytes));
}

} // namespace
} // namespace session_service

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const session_service::core::Bytes input(data, size);
    session_service::check_text(session_service::fuzz::text_of(input));
    session_service::check_bytes(input);
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned random) {
    static const std::vector<std::string> seeds{
        "00", "fF", "0123456789abcdefABCDEF",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"};
    return session_service::fuzz::mutate_from(seeds, data, size, max_size, random);
}
