// Two sides against each other, in interleaved rounds A B A B …
#pragma once

#include "client/sides.hpp"

namespace bench {

struct Comparison {
    std::string row; // its name in the results
    std::string a;
    std::string b;
    std::size_t clients = 1;
    int rounds = 5;
    double seconds = 3;      // of each slice
    bool pin = false;        // client and server process together on one processor
    bool checkpoint = false; // before each slice
};

/// Runs the rounds after a warm-up, and prints one line of tab-separated fields, which
/// report.py names.
void compare(const Comparison& comparison, const std::vector<Ticket>& tickets_a,
             const std::vector<Ticket>& tickets_b);

/// One side alone for `seconds`: prints operations, operations a second, p50 and p99
/// (microseconds).
void run_alone(const std::string& side, std::size_t clients, double seconds,
               const std::vector<Ticket>& tickets);

} // namespace bench
