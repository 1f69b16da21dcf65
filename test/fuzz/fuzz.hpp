// What every fuzzer shares: failing, taking an input apart, and seeds that are made in code instead
// of kept in files.
#pragma once

#include "core/bytes.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <string>
#include <vector>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace session_service::fuzz {

/// Ends the run, and so reports the input, where what must hold does not.
inline void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

inline std::string_view text_of(core::Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Takes bytes from the front of the input, and zeros once it is used up.
class Source {
  public:
    explicit Source(core::Bytes bytes) : rest_(bytes) {}

    void fill(core::MutableBytes out) {
        const std::size_t given = std::min(out.size(), rest_.size());
        std::copy_n(rest_.begin(), given, out.begin());
        rest_ = rest_.subspan(given);
    }
    template <std::size_t size>
    std::array<std::uint8_t, size> bytes() {
        std::array<std::uint8_t, size> taken{};
        fill(taken);
        return taken;
    }
    std::uint8_t byte() { return bytes<1>().front(); }
    std::int64_t number() { return std::bit_cast<std::int64_t>(bytes<8>()); }
    core::Bytes rest() const { return rest_; }

  private:
    core::Bytes rest_;
};

/// Mutates as libFuzzer does, but starts from one of `seeds` now and then, so that inputs which
/// chance does not find are tried as well. The same `random` gives the same choice.
inline std::size_t mutate_from(const std::vector<std::string>& seeds, std::uint8_t* data,
                               std::size_t size, std::size_t max_size, unsigned random) {
    constexpr unsigned one_in = 16;
    if (random % one_in == 0) {
        const std::string& seed = seeds[random / one_in % seeds.size()];
        size = std::min(seed.size(), max_size);
        std::copy_n(seed.begin(), size, data);
    }
    return LLVMFuzzerMutate(data, size, max_size);
}

} // namespace session_service::fuzz

/// Declares what libFuzzer calls: the test itself, and the mutator that knows the seeds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned random);
