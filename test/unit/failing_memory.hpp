// Memory that runs out on demand, for what libcrypto and C++ allocate.
#pragma once

#include "core/crypto.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <limits>
#include <new>

#include <openssl/crypto.h>
#include <openssl/err.h>

namespace session_service::test {

class Memory {
  public:
    /// Before libcrypto allocates for the first time: before main.
    static bool install() {
        is_installed_ = CRYPTO_set_mem_functions(allocate, reallocate, release) == 1;
        return is_installed_;
    }
    static bool is_installed() { return is_installed_; }

    /// From the `first` allocation on, counted from 0, so many are refused.
    static void refuse(long first, long how_many) {
        left_ = first;
        to_refuse_ = how_many;
        refused_ = 0;
    }
    static void is_plenty() { to_refuse_ = 0; }

    /// How many were refused since refuse() was called.
    static long refused() { return refused_; }

    /// Whether this allocation fails, in the way that malloc does.
    static bool is_out() {
        if (to_refuse_ == 0 || left_-- > 0) {
            return false;
        }
        left_ = 0;
        --to_refuse_;
        ++refused_;
        errno = ENOMEM;
        return true;
    }

  private:
    static void* allocate(std::size_t size, const char* /*file*/, int /*line*/) {
        return is_out() ? nullptr : std::malloc(size);
    }
    static void* reallocate(void* block, std::size_t size, const char* /*file*/, int /*line*/) {
        return is_out() ? nullptr : std::realloc(block, size);
    }
    static void release(void* block, const char* /*file*/, int /*line*/) { std::free(block); }

    static inline bool is_installed_ = false;
    static inline long left_ = 0;
    static inline long to_refuse_ = 0;
    static inline long refused_ = 0;
};

inline constexpr long all = std::numeric_limits<long>::max();

enum class Outcome : std::uint8_t { done, out_of_memory, failed };

template <typename Call>
Outcome outcome_of(Call call, long first, long how_many = all) {
    Memory::refuse(first, how_many);
    Outcome outcome = Outcome::done;
    try {
        call();
    } catch (const std::bad_alloc&) {
        outcome = Outcome::out_of_memory;
    } catch (const core::CryptoError&) {
        outcome = Outcome::failed;
    }
    Memory::is_plenty();
    return outcome;
}

/// Calls with each allocation refused in turn, alone and with all after it. Each call has to do
/// what it does, or to throw std::bad_alloc; how many threw.
template <typename Call>
long failures_without_memory(Call call) {
    long failures = 0;
    for (const long how_many : {1L, all}) {
        call();
        for (long first = 0;; ++first) {
            const Outcome outcome = outcome_of(call, first, how_many);
            EXPECT_EQ(ERR_peek_error(), 0UL) << "the error queue is shared with TLS";
            EXPECT_NE(outcome, Outcome::failed) << "allocation " << first << ", " << how_many;
            if (Memory::refused() == 0) {
                break;
            }
            failures += outcome == Outcome::out_of_memory ? 1 : 0;
        }
    }
    call();
    return failures;
}

} // namespace session_service::test
