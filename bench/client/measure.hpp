// Sides against each other, in interleaved rounds A B A B …
#pragma once

#include "client/sides.hpp"

namespace bench {

/// How they take turns.
struct Rounds {
    std::string row; // its name in the results
    std::size_t clients = 1;
    int rounds = 5;
    double seconds = 3;      // of each slice
    bool pin = false;        // client and server process together on one processor
    bool checkpoint = false; // before each slice
    bool fresh = false;      // new connections for each slice, instead of ones that are warmed up
};

/// A side, and the tokens it is to use.
struct Plan {
    std::string side;
    const std::vector<Ticket>* tickets;
};

/// Runs the rounds after a warm-up, and prints one line of tab-separated fields, which
/// report.py names.
void compare(const Rounds& rounds, const Plan& a, const Plan& b);

/// The same with any number of sides: A B C A B C …; prints a line for each, with the rates of all
/// its rounds and the percentiles of its latencies.
void measure_all(const Rounds& rounds, const std::vector<Plan>& plans);

/// One side alone for `seconds`: prints operations, operations a second, and the percentiles. Once
/// it is warm, and before it begins, it writes a line to the file or pipe `tell`, if there is one.
void run_alone(const std::string& side, std::size_t clients, double seconds,
               const std::vector<Ticket>& tickets, const std::string& tell);

} // namespace bench
