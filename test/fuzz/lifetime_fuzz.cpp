// Any times and settings: the deadlines are those that numbers without bounds would give, held at
// the bounds; nothing moves backwards, nor past what is absolute; and the order of states holds.
#include "core/lifetime.hpp"

#include "fuzz.hpp"

namespace session_service {
namespace {

using core::Micros;
using core::never;
using fuzz::require;

constexpr Micros least = std::numeric_limits<Micros>::min();

__extension__ using Wide = __int128;

Micros sum(Micros time, Micros duration) {
    const Wide wide = time == never ? Wide{never} : Wide{time} + duration;
    return static_cast<Micros>(std::clamp(wide, Wide{least}, Wide{never}));
}

/// A duration as a setting or an interval can give it: not negative.
Micros duration_of(std::int64_t number) {
    return number == least ? never : std::abs(number);
}

void check_arithmetic(Micros time, Micros other, Micros duration) {
    require(core::later(time, other) == sum(time, other));
    require(core::is_within_grace(time, other, duration) ==
            (duration > 0 && other < sum(time, duration)));
    const bool due = core::is_touch_due(time, other, duration, 0);
    require(due == (other >= sum(time, duration)));
    require(!due || core::is_touch_due(time, other, duration, duration));
}

void check_renewal(Micros now, Micros absolute, const core::Lifetimes& lifetimes) {
    for (const bool with_refresh : {false, true}) {
        const core::Deadlines deadlines = core::renewed(now, lifetimes, absolute, with_refresh);
        require(deadlines.expires == std::min(sum(now, lifetimes.session), absolute));
        require(deadlines.refresh == (with_refresh ? std::min(sum(now, lifetimes.refresh), absolute)
                                                   : core::no_refresh));
        require(deadlines.idle ==
                (lifetimes.inactivity == 0 ? never : sum(now, lifetimes.inactivity)));
        require(deadlines.absolute == absolute);
    }
    const core::Lifetimes same = core::shorter(lifetimes, lifetimes);
    require(same.session == lifetimes.session && same.refresh == lifetimes.refresh &&
            same.inactivity == lifetimes.inactivity && same.absolute == lifetimes.absolute);
}

void check_states(const core::Deadlines& deadlines, Micros now) {
    const core::Status status = core::status_of(false, deadlines, now);
    require(core::status_of(true, deadlines, now) == core::Status::revoked);
    require(status != core::Status::active || core::is_usable(deadlines, now));
    require(!core::is_expired_for_good(deadlines, now) || status == core::Status::expired);
    require(!core::is_usable(deadlines, now) || !core::is_expired_for_good(deadlines, now));

    const Micros day = core::purge_day(deadlines);
    const Micros end = std::min(deadlines.idle, std::max(deadlines.expires, deadlines.refresh));
    require(day <= end);
    require((day == never) == (end == never));
    require(day == never || day == least ||
            (day % core::micros_per_day == 0 && Wide{end} - day < core::micros_per_day));
    // Over where cleanup finds it, and not before.
    require(now >= day || core::is_usable(deadlines, now));
}

void check_moves(Micros expires, Micros absolute, Micros now, Micros duration) {
    const Micros slid = core::slide(expires, absolute, now, duration);
    const Micros extended = core::extended(expires, absolute, now, duration);
    for (const Micros moved : {slid, extended}) {
        require(moved >= expires);
        require(moved <= std::max(expires, absolute));
        require(moved <= std::max(expires, sum(now, duration)));
    }
    require(extended == std::max(expires, std::min(sum(now, duration), absolute)));
    require(slid == expires || (expires > now && slid == extended));
}

} // namespace
} // namespace session_service

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace session_service;
    fuzz::Source source({data, size});
    const std::int64_t now = source.number();
    const std::int64_t absolute = source.number();
    const core::Deadlines deadlines{.expires = source.number(),
                                    .refresh = source.number(),
                                    .idle = source.number(),
                                    .absolute = absolute};
    const core::Lifetimes lifetimes{.session = duration_of(source.number()),
                                    .refresh = duration_of(source.number()),
                                    .inactivity = duration_of(source.number()),
                                    .absolute = duration_of(source.number())};
    check_arithmetic(now, absolute, lifetimes.session);
    check_renewal(now, absolute, lifetimes);
    check_states(deadlines, now);
    check_moves(deadlines.expires, absolute, now, lifetimes.session);
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned random) {
    using namespace session_service;
    static const std::vector<std::string> seeds = [] {
        std::vector<std::string> numbers;
        // Each nine times, and each beside its neighbours.
        for (const std::int64_t number :
             {std::int64_t{0}, core::micros_per_day, std::int64_t{800'000'000'000'000},
              core::never - 1, core::never, std::numeric_limits<Micros>::min()}) {
            const auto bytes = std::bit_cast<std::array<char, 8>>(number);
            std::string text;
            for (int i = 0; i < 9; ++i) {
                text.append(bytes.begin(), bytes.end());
            }
            numbers.push_back(text);
        }
        return numbers;
    }();
    return fuzz::mutate_from(seeds, data, size, max_size, random);
}
