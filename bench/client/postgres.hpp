// A connection to PostgreSQL: libpq, with errors as exceptions.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A parameter of a prepared statement, which must outlive the call.
struct Parameter {
    // NOLINTNEXTLINE(google-explicit-constructor): lists of parameters are lists of strings
    Parameter(const char* text) : value(text) {}
    // NOLINTNEXTLINE(google-explicit-constructor)
    Parameter(const std::string& text) : value(text.c_str()) {}
    Parameter(const char* bytes, int size) : value(bytes), length(size), format(1) {}

    const char* value;
    int length = 0; // of a binary one
    int format = 0; // 1: binary
};

/// In which form a prepared statement's results come; binary is what drivers ask for that know the
/// types.
enum class Format : std::uint8_t { text, binary };

/// What a statement gave: text where it was run(), binary where it was prepared, if not asked for
/// otherwise.
class Result {
  public:
    explicit Result(PGresult* result) : result_(result, PQclear) {}

    int rows() const { return PQntuples(result_.get()); }
    /// A value of text, whichever the format.
    const char* text(int row, int column) const { return PQgetvalue(result_.get(), row, column); }
    /// A binary integer.
    std::uint64_t integer(int row, int column) const;
    /// A binary value, to be given to another statement.
    Parameter parameter(int row, int column) const;
    ExecStatusType status() const { return PQresultStatus(result_.get()); }

  private:
    std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

class Connection {
  public:
    /// Connects to a database; where and as whom, the environment says (PGHOST, PGUSER).
    explicit Connection(const std::string& database);

    Result run(const std::string& sql);
    std::string value(const std::string& sql) { return run(sql).text(0, 0); }
    std::int64_t number(const std::string& sql) { return std::stoll(value(sql)); }

    void prepare(const char* name, const std::string& sql);
    Result run_prepared(const char* name, std::initializer_list<Parameter> values,
                        Format results = Format::binary);

    /// COPY … FROM STDIN.
    void begin_copy(const std::string& sql);
    void put(const std::string& bytes);
    void end_copy();

    int backend_pid() const { return PQbackendPID(connection_.get()); }

  private:
    PGresult* execute(const char* name, std::initializer_list<Parameter> parameters,
                      Format results);
    Result checked(PGresult* result, ExecStatusType other = PGRES_TUPLES_OK);

    std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

} // namespace bench
