#include "client/postgres.hpp"

#include <array>

namespace bench {

std::uint64_t Result::integer(int row, int column) const {
    const char* bytes = PQgetvalue(result_.get(), row, column);
    std::uint64_t value = 0;
    for (int i = 0; i < PQgetlength(result_.get(), row, column); ++i) {
        value = value << 8 | static_cast<unsigned char>(bytes[i]);
    }
    return value;
}

Parameter Result::parameter(int row, int column) const {
    const bool is_null = PQgetisnull(result_.get(), row, column) == 1;
    return {is_null ? nullptr : PQgetvalue(result_.get(), row, column),
            PQgetlength(result_.get(), row, column)};
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

void Connection::prepare(const char* name, const std::string& sql) {
    (void)checked(PQprepare(connection_.get(), name, sql.c_str(), 0, nullptr));
}

Result Connection::run_prepared(const char* name, std::initializer_list<Parameter> values,
                                Format results) {
    return checked(execute(name, values, results));
}

PGresult* Connection::execute(const char* name, std::initializer_list<Parameter> parameters,
                              Format results) {
    constexpr std::size_t most_parameters = 8;
    std::array<const char*, most_parameters> values{};
    std::array<int, most_parameters> lengths{};
    std::array<int, most_parameters> formats{};
    if (parameters.size() > most_parameters) {
        throw Failure("too many parameters");
    }
    std::size_t count = 0;
    for (const Parameter& parameter : parameters) {
        values[count] = parameter.value;
        lengths[count] = parameter.length;
        formats[count] = parameter.format;
        ++count;
    }
    return PQexecPrepared(connection_.get(), name, static_cast<int>(count), values.data(),
                          lengths.data(), formats.data(), results == Format::binary ? 1 : 0);
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
