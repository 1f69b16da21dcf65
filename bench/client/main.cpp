// The load client of the benchmark; run.sh is who calls it.
//
//   client fill     --sessions N --now MICROS --spread SECONDS
//                   [--extension DB [--bulk 1]] [--original DB] [--redis SOCKET]
//                   [--tokens FILE --sample N]
//   client compare  --row NAME --a SIDE:WHERE --b SIDE:WHERE --tokens FILE
//                   [--clients N] [--rounds N] [--seconds S] [--pin 1] [--checkpoint 1] [--fresh 1]
//   client growth   --row NAME --sides SIDE,SIDE… --databases DB,DB… --tokens DIRECTORY
//                   [--clients N] [--rounds N] [--seconds S] [--pin 1]
//   client alone    --side SIDE:WHERE --tokens FILE [--clients N] [--seconds S] [--tell FILE]
//   client first    --database DB --tokens FILE --connections N
#include "client/fill.hpp"
#include "client/measure.hpp"
#include "client/postgres.hpp"
#include "client/probes.hpp"

#include <cstdio>
#include <map>
#include <sstream>

namespace {

using namespace bench;

/// `--name value` pairs.
class Options {
  public:
    Options(int count, char** arguments) {
        for (int i = 2; i + 1 < count; i += 2) {
            values_[std::string(arguments[i]).substr(2)] = arguments[i + 1];
        }
    }

    bool has(const std::string& name) const { return values_.contains(name); }
    std::string text(const std::string& name) const {
        if (!has(name)) {
            throw Failure("--" + name + " is missing");
        }
        return values_.at(name);
    }
    std::uint64_t count(const std::string& name) const { return std::stoull(text(name)); }
    std::uint64_t count(const std::string& name, std::uint64_t otherwise) const {
        return has(name) ? count(name) : otherwise;
    }
    /// What is separated by commas.
    std::vector<std::string> list(const std::string& name) const {
        std::vector<std::string> parts;
        std::istringstream text_of_list(text(name));
        for (std::string part; std::getline(text_of_list, part, ',');) {
            parts.push_back(part);
        }
        return parts;
    }
    double number(const std::string& name, double otherwise) const {
        return has(name) ? std::stod(text(name)) : otherwise;
    }

  private:
    std::map<std::string, std::string> values_;
};

void fill(const Options& options) {
    const Population population(
        options.count("sessions"), static_cast<std::int64_t>(options.count("now")),
        static_cast<std::int64_t>(options.count("spread")) * core::micros_per_second);
    if (options.has("extension")) {
        fill_extension(options.text("extension"), population,
                       options.count("bulk", 0) == 1 ? Loading::bulk : Loading::as_in_use);
    }
    if (options.has("original")) {
        fill_original(options.text("original"), population);
    }
    if (options.has("redis")) {
        fill_redis(options.text("redis"), population);
    }
    if (options.has("tokens")) {
        write_tokens(options.text("tokens"), population, options.count("sample"));
    }
}

Rounds rounds_of(const Options& options) {
    return {.row = options.text("row"),
            .clients = options.count("clients", 1),
            .rounds = static_cast<int>(options.count("rounds", 5)),
            .seconds = options.number("seconds", 3),
            .pin = options.count("pin", 0) == 1,
            .checkpoint = options.count("checkpoint", 0) == 1,
            .fresh = options.count("fresh", 0) == 1};
}

/// Each side on each database, with that database's tokens.
void growth(const Options& options) {
    std::map<std::string, std::vector<Ticket>> tickets;
    std::vector<Plan> plans;
    for (const std::string& database : options.list("databases")) {
        const auto& of_database = tickets[database] =
            read_tickets(options.text("tokens") + "/" + database + ".tokens");
        for (const std::string& side : options.list("sides")) {
            plans.push_back({std::string(side).append(":").append(database), &of_database});
        }
    }
    measure_all(rounds_of(options), plans);
}

int run(const std::string& mode, const Options& options) {
    if (mode == "fill") {
        fill(options);
        return 0;
    }
    if (mode == "growth") {
        growth(options);
        return 0;
    }
    const std::vector<Ticket> tickets = read_tickets(options.text("tokens"));
    if (mode == "compare") {
        compare(rounds_of(options), {options.text("a"), &tickets}, {options.text("b"), &tickets});
    } else if (mode == "alone") {
        run_alone(options.text("side"), options.count("clients", 1), options.number("seconds", 3),
                  tickets, options.has("tell") ? options.text("tell") : "");
    } else if (mode == "first") {
        probe_first_call(options.text("database"), static_cast<int>(options.count("connections")),
                         tickets);
    } else {
        (void)std::fprintf(stderr, "unknown mode: %s\n", mode.c_str());
        return 2;
    }
    return 0;
}

} // namespace

int main(int count, char** arguments) {
    try {
        return run(count < 2 ? "" : arguments[1], Options(count, arguments));
    } catch (const std::exception& error) {
        (void)std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
