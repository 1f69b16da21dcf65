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

/// What a statement gave.
class Result {
  public:
    explicit Result(PGresult* result) : result_(result, PQclear) {}

    int rows() const { return PQntuples(result_.get()); }
    const char* text(int row, int column) const { return PQgetvalue(result_.get(), row, column); }
    ExecStatusType status() const { return PQresultStatus(result_.get()); }
    std::string sqlstate() const;

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

    void prepare(const char* name, const char* sql);
    Result run_prepared(const char* name, const std::vector<const char*>& values);
    /// The same, where an error is what is wanted.
    Result try_prepared(const char* name, const std::vector<const char*>& values);

    /// COPY … FROM STDIN.
    void begin_copy(const std::string& sql);
    void put(const std::string& bytes);
    void end_copy();

    int backend_pid() const { return PQbackendPID(connection_.get()); }

  private:
    Result checked(PGresult* result, ExecStatusType other = PGRES_TUPLES_OK);

    std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

} // namespace bench
