#include "client/postgres.hpp"

namespace bench {

std::string Result::sqlstate() const {
    const char* state = PQresultErrorField(result_.get(), PG_DIAG_SQLSTATE);
    return state == nullptr ? "" : state;
}

Connection::Connection(const std::string& database)
    : connection_(PQconnectdb(("dbname=" + database).c_str()), PQfinish) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) {
        throw Failure(PQerrorMessage(connection_.get()));
    }
    PQsetNoticeProcessor(
        connection_.get(), [](void*, const char*) {}, nullptr);
}

Result Connection::checked(PGresult* result, ExecStatusType other) {
    Result checked(result);
    if (checked.status() != PGRES_COMMAND_OK && checked.status() != other) {
        throw Failure(PQerrorMessage(connection_.get()));
    }
    return checked;
}

Result Connection::run(const std::string& sql) {
    return checked(PQexec(connection_.get(), sql.c_str()));
}

void Connection::prepare(const char* name, const char* sql) {
    (void)checked(PQprepare(connection_.get(), name, sql, 0, nullptr));
}

Result Connection::run_prepared(const char* name, const std::vector<const char*>& values) {
    return checked(PQexecPrepared(connection_.get(), name, static_cast<int>(values.size()),
                                  values.data(), nullptr, nullptr, 0));
}

Result Connection::try_prepared(const char* name, const std::vector<const char*>& values) {
    return Result(PQexecPrepared(connection_.get(), name, static_cast<int>(values.size()),
                                 values.data(), nullptr, nullptr, 0));
}

void Connection::begin_copy(const std::string& sql) {
    (void)checked(PQexec(connection_.get(), sql.c_str()), PGRES_COPY_IN);
}

void Connection::put(const std::string& bytes) {
    if (PQputCopyData(connection_.get(), bytes.data(), static_cast<int>(bytes.size())) != 1) {
        throw Failure(PQerrorMessage(connection_.get()));
    }
}

void Connection::end_copy() {
    if (PQputCopyEnd(connection_.get(), nullptr) != 1) {
        throw Failure(PQerrorMessage(connection_.get()));
    }
    while (PGresult* result = PQgetResult(connection_.get())) {
        (void)checked(result);
    }
}

} // namespace bench
