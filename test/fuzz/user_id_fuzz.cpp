// Any number: has a UUID of its own, from which it comes back. Any UUID: is that of a number, or of
// none. Any text: has a UUID of version 5, wherever it lies.
#include "core/user_id.hpp"

#include "fuzz.hpp"

namespace session_service {
namespace {

using core::Uuid;
using fuzz::require;

bool has_version(const Uuid& id, unsigned version) {
    return id[6] >> 4 == version && id[8] >> 6 == 0b10;
}

void check_number(std::int64_t number) {
    const Uuid id = core::user_id_of_number(number);
    require(has_version(id, 8));
    require(core::number_of_user_id(id) == number);
}

void check_uuid(const Uuid& id) {
    if (const auto number = core::number_of_user_id(id)) {
        require(core::user_id_of_number(*number) == id);
    }
}

void check_text(std::string_view text) {
    const Uuid id = core::user_id_of_text(text);
    require(has_version(id, 5));
    const std::vector<char> copy(text.begin(), text.end());
    require(core::user_id_of_text({copy.data(), copy.size()}) == id);
    require(!core::number_of_user_id(id));
}

} // namespace
} // namespace session_service

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace session_service;
    const core::Bytes input(data, size);
    check_number(fuzz::Source(input).number());
    check_uuid(fuzz::Source(input).bytes<16>());
    check_text(fuzz::text_of(input));
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned random) {
    using namespace session_service;
    static const std::vector<std::string> seeds = [] {
        std::vector<std::string> texts{"somebody@example.org"};
        for (const std::int64_t number : {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1},
                                          std::int64_t{1} << 62, std::int64_t{1} << 56}) {
            texts.emplace_back(fuzz::text_of(core::user_id_of_number(number)));
        }
        return texts;
    }();
    return fuzz::mutate_from(seeds, data, size, max_size, random);
}
