// The life of a session through libpqxx: ../run.sh has its steps, docs/clients.md the snippet.

// snippet
#include <iostream>
#include <pqxx/pqxx>
#include <string>
// end of snippet

static void live(pqxx::nontransaction& db);

// snippet

int main() {
    pqxx::connection connection;         // where to, the PG… variables say
    pqxx::nontransaction db{connection}; // each call is a transaction of its own
    const std::string user = "ada00000-0000-4000-8000-000000000001";

    auto made = db.exec_params1(
        "SELECT * FROM session_service.create_session($1, ip_address => $2)", user, "192.0.2.7");
    auto session = db.exec_params(
        "SELECT user_id, scopes FROM session_service.validate_session($1)", made["token"].c_str());
    auto pair = db.exec_params("SELECT * FROM session_service.refresh_session($1)",
                               made["refresh_token"].c_str());
    if (session.empty() || pair.empty())
        return 1; // answer 401
    db.exec_params("SELECT session_service.revoke_session_by_token($1)", pair[0]["token"].c_str());
    std::cout << session[0]["user_id"].c_str() << '\n';
    // end of snippet
    live(db);
    // snippet
}
// end of snippet

static void same(const std::string& what, const std::string& seen, const std::string& expected) {
    if (seen != expected)
        throw std::runtime_error(what + ": " + seen + " is not " + expected);
}

static void passed(const char* step) {
    std::cout << step << std::endl;
}

struct Listener : pqxx::notification_receiver {
    std::string heard;
    explicit Listener(pqxx::connection& connection)
        : notification_receiver{connection, "session_service"} {}
    void operator()(const std::string& payload, int) override { heard = payload; }
};

static void live(pqxx::nontransaction& db) {
    const std::string user = "ada00000-0000-4000-8000-000000000001", address = "2001:db8::7";
    auto validate = [&](const std::string& token) {
        return db.exec_params("SELECT * FROM session_service.validate_session($1, $2)", token,
                              address);
    };
    pqxx::connection listening; // one within a transaction hears nothing
    Listener listener{listening};

    auto made = db.exec_params1("SELECT *, extract(epoch FROM expires_at - now())::int AS seconds "
                                "FROM session_service.create_session($1, $2, $3, $4, $5, metadata "
                                "=> $6, session_expiry => $7)",
                                user, "Laptop", "libpqxx", address, "{read,write}",
                                R"({"plan": "free"})", "2 hours");
    if (made["seconds"].as<int>() != 7200)
        throw std::runtime_error("expiry");
    passed("sign_in");

    auto valid = validate(made["token"].c_str());
    auto session = valid[0]; // of a result that stays
    const std::string id = session["session_id"].c_str();
    same("session", id, made["session_id"].c_str());
    same("user", session["user_id"].c_str(), user);
    // As text: what reads arrays is another class in each of libpqxx 6, 7 and 8.
    same("scopes", session["scopes"].c_str(), "{read,write}");
    same("metadata", session["metadata"].c_str(), R"({"plan": "free"})");
    same("boolean", session["mfa_verified"].as<bool>() ? "true" : "false", "false");
    passed("validate");

    if (!validate("nobody's").empty())
        throw std::runtime_error("nobody's token");
    passed("nobody");

    auto refresh = [&] {
        return db.exec_params1("SELECT * FROM session_service.refresh_session($1)",
                               made["refresh_token"].c_str());
    };
    auto first = refresh(), second = refresh();
    const std::string token = first["token"].c_str();
    same("the pair again", second["token"].c_str(), token);
    same("the pair again", second["refresh_token"].c_str(), first["refresh_token"].c_str());
    if (first["repeated"].as<bool>() || !second["repeated"].as<bool>() ||
        !validate(made["token"].c_str()).empty())
        throw std::runtime_error("a refresh and its repetition");
    passed("refresh");

    auto listed = db.exec_params(
        "SELECT * FROM session_service.list_user_sessions($1, $2) WHERE is_current", user, id);
    same("address", listed.at(0)["ip_address"].c_str(), address);
    same("status", listed[0]["status"].c_str(), "active");
    passed("list");

    auto batch = db.exec_params1("SELECT * FROM session_service.validate_sessions(ARRAY[$1, $2])",
                                 "nobody's", token);
    same("batch", batch["session_id"].c_str(), id);
    same("its place", batch["token_index"].c_str(), "2");
    passed("batch");

    auto done = db.exec_params1("SELECT session_service.revoke_session_by_token($1)", token);
    if (!done[0].as<bool>() || !validate(token).empty())
        throw std::runtime_error("signed out, and yet valid");
    passed("sign_out");

    try {
        db.exec_params("SELECT * FROM session_service.create_session($1, $2)", nullptr, token);
    } catch (const pqxx::sql_error& error) {
        same("SQLSTATE", std::string{error.sqlstate()}, "22004");
        if (std::string{error.what()}.find(token) != std::string::npos)
            throw std::runtime_error("a token in an error");
        passed("error");
    }

    while (listener.heard.find(id) == std::string::npos)
        listening.await_notification(1, 0);
    passed("listen");
}
