#include "core/lifetime.hpp"

#include <gtest/gtest.h>

#include <array>
#include <type_traits>

namespace session_service::core {
namespace {

constexpr Micros second = micros_per_second;
constexpr Micros day = micros_per_day;
constexpr Micros earliest = std::numeric_limits<Micros>::min();

/// Any moment; no rule may depend on it.
constexpr Micros now = 9'131 * day + 12'345'678'901;

constexpr Lifetimes defaults{
    .session = 30 * day, .refresh = 90 * day, .inactivity = 7 * day, .absolute = 365 * day};

static_assert(std::is_trivially_copyable_v<Deadlines> && std::is_trivially_copyable_v<Lifetimes>);

TEST(Later, AddsAndHoldsAtTheBounds) {
    EXPECT_EQ(later(now, second), now + second);
    EXPECT_EQ(later(now, 0), now);
    EXPECT_EQ(later(now, -second), now - second);
    EXPECT_EQ(later(never - 1, 1), never);
    EXPECT_EQ(later(never - 1, 2), never);
    EXPECT_EQ(later(now, never), never);
    EXPECT_EQ(later(never, never), never);
    EXPECT_EQ(later(never, -1), never);
    EXPECT_EQ(later(never, earliest), never);
    EXPECT_EQ(later(earliest, -1), earliest);
    EXPECT_EQ(later(-2, earliest), earliest);
}

TEST(Shorter, TakesTheShorterPartByPart) {
    const Lifetimes own{.session = 1, .refresh = 20, .inactivity = 3, .absolute = 40};
    const Lifetimes settings{.session = 10, .refresh = 2, .inactivity = 30, .absolute = 4};
    for (const Lifetimes& result : {shorter(own, settings), shorter(settings, own)}) {
        EXPECT_EQ(result.session, 1);
        EXPECT_EQ(result.refresh, 2);
        EXPECT_EQ(result.inactivity, 3);
        EXPECT_EQ(result.absolute, 4);
    }
}

TEST(Shorter, ZeroIsTheLongestOfInactivityAndAbsolute) {
    const Lifetimes limited{.session = 5, .refresh = 5, .inactivity = 5, .absolute = 5};
    const Lifetimes open{.session = 5, .refresh = 5, .inactivity = 0, .absolute = 0};
    for (const Lifetimes& result : {shorter(limited, open), shorter(open, limited)}) {
        EXPECT_EQ(result.inactivity, 5);
        EXPECT_EQ(result.absolute, 5);
    }
    EXPECT_EQ(shorter(open, open).inactivity, 0);
    EXPECT_EQ(shorter(open, open).absolute, 0);
}

TEST(Renewed, StartsEveryDeadlineAtNow) {
    const Micros absolute = now + 365 * day;
    EXPECT_EQ(renewed(now, defaults, absolute, true), (Deadlines{.expires = now + 30 * day,
                                                                 .refresh = now + 90 * day,
                                                                 .idle = now + 7 * day,
                                                                 .absolute = absolute}));
    EXPECT_EQ(renewed(now, defaults, absolute, false).refresh, no_refresh);
}

TEST(Renewed, PassesNoAbsoluteEnd) {
    const Micros absolute = now + 60 * day;
    EXPECT_EQ(renewed(now, defaults, absolute, true), (Deadlines{.expires = now + 30 * day,
                                                                 .refresh = absolute,
                                                                 .idle = now + 7 * day,
                                                                 .absolute = absolute}));
    const Micros near = now + 30 * day - 1;
    EXPECT_EQ(renewed(now, defaults, near, true).expires, near);
    EXPECT_EQ(renewed(now, defaults, near + 1, true).expires, now + 30 * day);
    EXPECT_EQ(renewed(now, defaults, near + 2, true).expires, now + 30 * day);
}

TEST(Renewed, HasNoIdleDeadlineWithoutInactivity) {
    Lifetimes lifetimes = defaults;
    lifetimes.inactivity = 0;
    const Deadlines deadlines = renewed(now, lifetimes, never, true);
    EXPECT_EQ(deadlines.idle, never);
    EXPECT_EQ(deadlines.absolute, never);
    EXPECT_EQ(deadlines.expires, now + 30 * day);
}

TEST(Renewed, HoldsAtNever) {
    const Lifetimes endless{.session = never, .refresh = never, .inactivity = never};
    EXPECT_EQ(renewed(now, endless, never, true),
              (Deadlines{.expires = never, .refresh = never, .idle = never, .absolute = never}));
}

/// A status per moment around `deadline`: 1 µs before, at, and 1 µs after.
std::array<Status, 3> around(Micros deadline, const Deadlines& deadlines) {
    return {status_of(false, deadlines, deadline - 1), status_of(false, deadlines, deadline),
            status_of(false, deadlines, deadline + 1)};
}

TEST(StatusOf, ChangesAtTheDeadlineToTheMicrosecond) {
    const std::array expiring{Status::active, Status::expired, Status::expired};
    EXPECT_EQ(around(now, {.expires = now}), expiring);
    EXPECT_EQ(around(now, {.expires = now, .idle = now}), expiring);
    const std::array idling{Status::active, Status::idle, Status::idle};
    EXPECT_EQ(around(now, {.idle = now}), idling);
    EXPECT_EQ(around(now, {.expires = now + 1, .idle = now}),
              (std::array{Status::active, Status::idle, Status::expired}));
    EXPECT_EQ(around(now, {.expires = now, .idle = now - 1}),
              (std::array{Status::idle, Status::expired, Status::expired}));
}

TEST(StatusOf, RevokedComesFirstThenExpiredThenIdle) {
    const Deadlines over{.expires = now, .refresh = now, .idle = now, .absolute = now};
    EXPECT_EQ(status_of(true, over, now), Status::revoked);
    EXPECT_EQ(status_of(true, over, now - 1), Status::revoked);
    EXPECT_EQ(status_of(true, {}, now), Status::revoked);
    EXPECT_EQ(status_of(false, over, now), Status::expired);
    EXPECT_EQ(status_of(false, over, now - 1), Status::active);
}

TEST(StatusOf, NeverDoesNotCome) {
    EXPECT_EQ(status_of(false, {}, now), Status::active);
    EXPECT_EQ(status_of(false, {}, never - 1), Status::active);
    EXPECT_EQ(status_of(false, {}, never), Status::active);
    EXPECT_EQ(status_of(false, {.expires = earliest}, earliest), Status::expired);
}

TEST(IsExpiredForGood, WaitsForTheLaterOfBothExpiries) {
    for (const Deadlines& deadlines :
         {Deadlines{.expires = now, .refresh = now - day}, Deadlines{.expires = now},
          Deadlines{.expires = now - day, .refresh = now},
          Deadlines{.expires = now, .refresh = now}}) {
        EXPECT_FALSE(is_expired_for_good(deadlines, now - 1));
        EXPECT_TRUE(is_expired_for_good(deadlines, now));
        EXPECT_TRUE(is_expired_for_good(deadlines, now + 1));
    }
    EXPECT_FALSE(is_expired_for_good({.expires = now, .refresh = never}, never));
    EXPECT_FALSE(is_expired_for_good({.expires = never, .refresh = now}, never));
}

TEST(IsUsable, NeedsOneExpiryAheadAndActivity) {
    const Deadlines refreshable{.expires = now - day, .refresh = now};
    EXPECT_TRUE(is_usable(refreshable, now - 1));
    EXPECT_FALSE(is_usable(refreshable, now));
    EXPECT_FALSE(is_usable(refreshable, now + 1));

    const Deadlines idling{.expires = now + day, .refresh = now + day, .idle = now};
    EXPECT_TRUE(is_usable(idling, now - 1));
    EXPECT_FALSE(is_usable(idling, now));
    EXPECT_FALSE(is_usable(idling, now + 1));

    EXPECT_TRUE(is_usable({}, never));
}

TEST(IsTouchDue, ComesOnceAnInterval) {
    EXPECT_FALSE(is_touch_due(now, now + 60 * second - 1, 60 * second, 0));
    EXPECT_TRUE(is_touch_due(now, now + 60 * second, 60 * second, 0));
    EXPECT_TRUE(is_touch_due(now, now + 60 * second + 1, 60 * second, 0));
}

TEST(IsTouchDue, ComesSoonerWhereTheSessionIdlesSoon) {
    EXPECT_FALSE(is_touch_due(now, now + 3 * second - 1, 60 * second, 30 * second));
    EXPECT_TRUE(is_touch_due(now, now + 3 * second, 60 * second, 30 * second));
    EXPECT_FALSE(is_touch_due(now, now + 60 * second - 1, 60 * second, 600 * second));
    EXPECT_FALSE(is_touch_due(now, now + 60 * second - 1, 60 * second, 601 * second));
    EXPECT_TRUE(is_touch_due(now, now + 60 * second - 1, 60 * second, 599 * second));
}

TEST(IsTouchDue, IntervalZeroTouchesAlwaysButNeverBackwards) {
    EXPECT_TRUE(is_touch_due(now, now, 0, 0));
    EXPECT_TRUE(is_touch_due(now, now + 1, 0, 0));
    for (const Micros interval : {Micros{0}, 60 * second}) {
        EXPECT_FALSE(is_touch_due(now, now - 1, interval, 0));
        EXPECT_FALSE(is_touch_due(now, now - day, interval, 0));
        EXPECT_FALSE(is_touch_due(now, earliest, interval, 0));
        EXPECT_FALSE(is_touch_due(now, earliest, interval, 30 * second));
    }
}

TEST(IsTouchDue, HoldsAtTheBounds) {
    EXPECT_FALSE(is_touch_due(now, never - 1, never, 0));
    EXPECT_TRUE(is_touch_due(earliest, now, 60 * second, 0));
}

TEST(Slide, WaitsUntilLessThanHalfIsLeft) {
    const Micros expires = now + 15 * day;
    EXPECT_EQ(slide(expires, never, now - 1, 30 * day), expires);
    EXPECT_EQ(slide(expires, never, now, 30 * day), expires) << "exactly half is left";
    EXPECT_EQ(slide(expires, never, now + 1, 30 * day), now + 1 + 30 * day);
}

TEST(Slide, HalfOfAnOddLifetimeIsNotRoundedDown) {
    EXPECT_EQ(slide(now + 4, never, now, 7), now + 4);
    EXPECT_EQ(slide(now + 3, never, now, 7), now + 7);
    EXPECT_EQ(slide(now + 3, never, now, 5), now + 3);
    EXPECT_EQ(slide(now + 2, never, now, 5), now + 5);
}

TEST(Slide, PassesNoAbsoluteEndAndTakesNothingAway) {
    const Micros expires = now + day;
    EXPECT_EQ(slide(expires, now + 2 * day, now, 30 * day), now + 2 * day);
    EXPECT_EQ(slide(expires, expires, now, 30 * day), expires);
    EXPECT_EQ(slide(expires, now + 1, now, 30 * day), expires);
}

TEST(Slide, RevivesNothing) {
    EXPECT_EQ(slide(now + 1, never, now, 30 * day), now + 30 * day);
    EXPECT_EQ(slide(now, never, now, 30 * day), now);
    EXPECT_EQ(slide(now - 1, never, now, 30 * day), now - 1);
}

TEST(Slide, AClockThatWentBackwardsChangesNothing) {
    EXPECT_EQ(slide(now + 15 * day, never, now - 100 * day, 30 * day), now + 15 * day);
    EXPECT_EQ(slide(now, never, earliest, 30 * day), now);
}

TEST(Slide, HoldsAtNever) {
    EXPECT_EQ(slide(never, never, now, 30 * day), never);
    EXPECT_EQ(slide(now + 1, never, now, never), never);
    EXPECT_EQ(slide(now + 1, now + day, now, never), now + day);
}

TEST(Extended, CountsFromNowWithinTheAbsoluteEnd) {
    EXPECT_EQ(extended(now + day, never, now, 2 * day), now + 2 * day);
    EXPECT_EQ(extended(now + day, now + 2 * day - 1, now, 2 * day), now + 2 * day - 1);
    EXPECT_EQ(extended(now + day, now + 2 * day, now, 2 * day), now + 2 * day);
    EXPECT_EQ(extended(now + day, now + 2 * day + 1, now, 2 * day), now + 2 * day);
}

TEST(Extended, NeverShortens) {
    EXPECT_EQ(extended(now + day, never, now, day - 1), now + day);
    EXPECT_EQ(extended(now + day, now + 1, now, 2 * day), now + day);
    EXPECT_EQ(extended(now + day, never, now - 7 * day, 2 * day), now + day) << "clock backwards";
    EXPECT_EQ(extended(never, never, now, day), never);
}

TEST(Extended, HoldsAtNever) {
    EXPECT_EQ(extended(now, never, now, never), never);
    EXPECT_EQ(extended(now, now + day, now, never), now + day);
}

TEST(IsWithinGrace, EndsAtTheGraceToTheMicrosecond) {
    EXPECT_TRUE(is_within_grace(now, now, 30 * second));
    EXPECT_TRUE(is_within_grace(now, now + 30 * second - 1, 30 * second));
    EXPECT_FALSE(is_within_grace(now, now + 30 * second, 30 * second));
    EXPECT_FALSE(is_within_grace(now, now + 30 * second + 1, 30 * second));
}

TEST(IsWithinGrace, ACallThatBeganBeforeTheRotationIsWithin) {
    EXPECT_TRUE(is_within_grace(now, now - 1, second));
    EXPECT_TRUE(is_within_grace(now, now - day, second));
}

TEST(IsWithinGrace, ZeroIsStrict) {
    EXPECT_FALSE(is_within_grace(now, now, 0));
    EXPECT_FALSE(is_within_grace(now, now - 1, 0));
    EXPECT_TRUE(is_within_grace(now, now, 1));
    EXPECT_FALSE(is_within_grace(now, now - day, -1));
}

TEST(IsWithinGrace, HoldsAtNever) {
    EXPECT_TRUE(is_within_grace(now, never - 1, never));
}

TEST(EndOf, IsTheFirstMomentAtWhichTheSessionIsNoLongerUsable) {
    for (const Deadlines& deadlines :
         {Deadlines{.expires = now}, Deadlines{.expires = now - day, .refresh = now},
          Deadlines{.expires = now, .refresh = now - day},
          Deadlines{.expires = now + day, .refresh = now + day, .idle = now}}) {
        EXPECT_EQ(end_of(deadlines), now);
        EXPECT_TRUE(is_usable(deadlines, now - 1));
        EXPECT_FALSE(is_usable(deadlines, now));
    }
    EXPECT_EQ(end_of({}), never);
}

TEST(StartOfDay, CutsDownwards) {
    EXPECT_EQ(start_of_day(0), 0);
    EXPECT_EQ(start_of_day(day - 1), 0);
    EXPECT_EQ(start_of_day(day), day);
    EXPECT_EQ(start_of_day(-1), -day);
    EXPECT_EQ(start_of_day(earliest), earliest);
    EXPECT_EQ(start_of_day(never), never);
}

TEST(PurgeDay, IsTheDayOnWhichTheSessionWillBeOver) {
    const Micros midnight = 9'131 * day;
    for (const Micros end : {midnight, midnight + 1, midnight + day - 1}) {
        EXPECT_EQ(purge_day({.expires = end}), midnight);
        EXPECT_EQ(purge_day({.expires = end, .refresh = end - day}), midnight);
        EXPECT_EQ(purge_day({.expires = end - day, .refresh = end}), midnight);
        EXPECT_EQ(purge_day({.expires = end + 9 * day, .refresh = end + 9 * day, .idle = end}),
                  midnight);
        EXPECT_EQ(purge_day({.expires = end, .refresh = end, .idle = end + 9 * day}), midnight);
    }
    EXPECT_EQ(purge_day({.expires = midnight - 1}), midnight - day);
}

TEST(PurgeDay, CutsDownwardsBeforeTheEpochAsWell) {
    EXPECT_EQ(purge_day({.expires = 0}), 0);
    EXPECT_EQ(purge_day({.expires = 1}), 0);
    EXPECT_EQ(purge_day({.expires = -1}), -day);
    EXPECT_EQ(purge_day({.expires = -day}), -day);
    EXPECT_EQ(purge_day({.expires = -day - 1}), -2 * day);
}

TEST(PurgeDay, HoldsAtTheBounds) {
    EXPECT_EQ(purge_day({}), never);
    EXPECT_EQ(purge_day({.expires = now, .refresh = never}), never);
    EXPECT_EQ(purge_day({.idle = day}), day);
    EXPECT_EQ(purge_day({.expires = earliest}), earliest);
    EXPECT_EQ(purge_day({.expires = earliest + 1}), earliest);
    EXPECT_LE(purge_day({.expires = never - 1}), never - 1);
}

/// Values at and around every bound that a rule could trip over.
constexpr std::array<Micros, 17> corners{
    earliest, earliest + 1, earliest + day, -day - 1, -day, -1,      0,           1,
    day - 1,  day,          day + 1,        now - 1,  now,  now + 1, never - day, never - 1,
    never};

TEST(Rules, AgreeWithEachOtherAtEveryCorner) {
    for (const Micros expires : corners) {
        for (const Micros refresh : corners) {
            for (const Micros idle : corners) {
                const Deadlines deadlines{.expires = expires, .refresh = refresh, .idle = idle};
                const Micros purge = purge_day(deadlines);
                EXPECT_TRUE(purge == never || purge == earliest || purge % day == 0);
                for (const Micros time : corners) {
                    const Status status = status_of(false, deadlines, time);
                    const bool usable = is_usable(deadlines, time);
                    EXPECT_TRUE(status != Status::active || usable);
                    EXPECT_TRUE(status != Status::idle || !usable);
                    EXPECT_TRUE(usable || purge <= time) << "a search by day would miss it";
                }
            }
        }
    }
}

TEST(Rules, NeverTakeTimeAwayAndNeverPassTheAbsoluteEnd) {
    for (const Micros expires : corners) {
        for (const Micros absolute : corners) {
            for (const Micros time : corners) {
                for (const Micros duration : {Micros{1}, second, day, never - 1, never}) {
                    for (const Micros moved : {slide(expires, absolute, time, duration),
                                               extended(expires, absolute, time, duration)}) {
                        EXPECT_GE(moved, expires);
                        EXPECT_LE(moved, std::max(expires, absolute));
                    }
                }
            }
        }
    }
}

} // namespace
} // namespace session_service::core
