// Fills the tables with a population, by COPY.
#pragma once

#include "client/population.hpp"

namespace bench {

/// How rows are loaded: beside the indexes, so that these are as long use leaves them; or into
/// empty tables as fast as can be, the indexes built afterwards.
enum class Loading { as_in_use, bulk };

/// The extension's tables, in exactly the state that create_session would leave under the default
/// settings.
void fill_extension(const std::string& database, const Population& population, Loading loading);

/// The peer's tables (sql/original.sql).
void fill_original(const std::string& database, const Population& population);

/// One key for each session, whose value is its 300-byte JSON.
void fill_redis(const std::string& socket, const Population& population);

/// The value of a key in Redis.
std::string session_json(const MadeSession& session);

/// Writes `sample` sessions, drawn at random without repetition, as lines of tab-separated fields:
/// see TokenFile.
void write_tokens(const std::string& path, const Population& population, std::uint64_t sample);

} // namespace bench
