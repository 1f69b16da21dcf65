// Any text: is no challenge. Any keys, scope and moment: make one that is good then, and not for
// anything else.
#include "core/challenge.hpp"

#include "fuzz.hpp"

namespace session_service {
namespace {

using core::Micros;
using fuzz::require;

void check(core::Bytes input) {
    fuzz::Source source(input);
    const auto stored_key = source.bytes<16>();
    const auto token_key = source.bytes<16>();
    core::ChallengeScope scope;
    scope.purpose = static_cast<core::ChallengePurpose>(1 + source.byte() % 3);
    scope.session_id = source.bytes<16>();
    scope.generation = static_cast<std::int32_t>(source.number());
    const Micros now = source.number() & (core::never / 2); // so that sums are numbers
    const Micros lifetime = 1 + (source.number() & core::never) % core::micros_per_day;
    const Micros later = source.number();
    const std::uint8_t place = source.byte();
    const std::uint8_t change = source.byte();

    const core::Challenge made = core::make_challenge(stored_key, token_key, scope, now, lifetime);
    const auto is_good = [&](std::string_view text, const core::ChallengeScope& other, Micros at) {
        return core::is_good_challenge(text, stored_key, token_key, other, at, lifetime);
    };
    require(is_good(made.view(), scope, now));
    // Good at most from an eighth before to the end of its life.
    const bool is_near = later >= 0 && later < now + lifetime && later >= now - lifetime / 4 - 2;
    require(is_near || !is_good(made.view(), scope, later));

    std::string text(made.view());
    text[place % text.size()] = static_cast<char>(change);
    require(is_good(text, scope, now) == (text == made.view()));
    core::ChallengeScope other = scope;
    other.generation ^= 1;
    require(!is_good(made.view(), other, now));
    other = scope;
    other.session_id[place % other.session_id.size()] ^= 1;
    require(!is_good(made.view(), other, now));

    // Any other text.
    require(!is_good(fuzz::text_of(input), scope, now));
}

} // namespace
} // namespace session_service

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    session_service::check({data, size});
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned random) {
    using namespace session_service;
    static const std::vector<std::string> seeds{
        std::string(100, '\0'),
        std::string(100, 'x'),
        std::string(core::make_challenge({}, {}, {}, 0, 1).view()),
    };
    return fuzz::mutate_from(seeds, data, size, max_size, random);
}
