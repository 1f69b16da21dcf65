// Any text: decodes to bytes whose only text it is, or to nothing. Any bytes: come back.
#include "core/base64url.hpp"

#include "fuzz.hpp"

namespace session_service {
namespace {

using fuzz::require;

void check_text(std::string_view text) {
    std::vector<std::uint8_t> bytes(text.size());
    const auto size = core::base64url_decode(text, bytes);
    if (!size) {
        return;
    }
    require(core::base64url_length(*size) == text.size());
    std::string again(text.size(), '\0');
    require(core::base64url_encode(core::Bytes(bytes).first(*size), again.data()) == text.size());
    require(again == text);

    // It fits into exactly its own size, and into nothing smaller.
    require(core::base64url_decode(text, core::MutableBytes(bytes).first(*size)) == size);
    if (*size > 0) {
        require(!core::base64url_decode(text, core::MutableBytes(bytes).first(*size - 1)));
    }
}

void check_bytes(core::Bytes bytes) {
    std::string text(core::base64url_length(bytes.size()), '\0');
    require(core::base64url_encode(bytes, text.data()) == text.size());
    std::vector<std::uint8_t> again(bytes.size());
    require(core::base64url_decode(text, again) == bytes.size());
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
        "Zg",       "Zm8",  "Zm9v",
        "Zm9vYmFy", "_-_-", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"};
    return session_service::fuzz::mutate_from(seeds, data, size, max_size, random);
}
