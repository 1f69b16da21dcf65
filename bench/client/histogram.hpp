// Latencies in buckets of which each is at most 1/32 wide of its value.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace bench {

class Histogram {
  public:
    void add(std::uint64_t nanoseconds) {
        ++counts_[bucket_of(nanoseconds)];
        ++total_;
    }

    void add(const Histogram& other) {
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            counts_[i] += other.counts_[i];
        }
        total_ += other.total_;
    }

    /// The latency that this share of all did not exceed, in nanoseconds; 0 where there is none.
    double quantile(double share) const {
        const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total_));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            seen += counts_[i];
            if (counts_[i] > 0 && seen >= wanted) {
                return middle_of(i);
            }
        }
        return 0;
    }

    std::uint64_t total() const { return total_; }

  private:
    static constexpr unsigned fine_bits = 5;
    static constexpr std::uint64_t fine = 1U << fine_bits;

    static std::size_t bucket_of(std::uint64_t value) {
        if (value < fine) {
            return value;
        }
        const auto shift = static_cast<unsigned>(std::bit_width(value)) - fine_bits - 1;
        return (shift + 1) * fine + ((value >> shift) - fine);
    }

    static double middle_of(std::size_t bucket) {
        if (bucket < fine) {
            return static_cast<double>(bucket);
        }
        const std::size_t shift = bucket / fine - 1;
        return (static_cast<double>(bucket % fine + fine) + 0.5) *
               static_cast<double>(std::uint64_t{1} << shift);
    }

    std::array<std::uint64_t, (64 - fine_bits + 1) * fine> counts_{};
    std::uint64_t total_ = 0;
};

} // namespace bench
