import java.sql.*;
import java.time.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.util.PGInterval;

class Life {

    static void require(String what, boolean holds) {
        if (!holds) throw new AssertionError(what);
    }

    static ResultSet validate(Connection db, String token) throws SQLException {
        return Sessions.call(db, "SELECT * FROM session_service.validate_session(?, ?::inet)", token, "2001:db8::7");
    }

    static ResultSet row(ResultSet result) throws SQLException {
        require("a row", result.next());
        return result;
    }

    static void live(Connection db, UUID user) throws SQLException {
        PreparedStatement signIn = db.prepareStatement(
            "SELECT * FROM session_service.create_session(?, ?, ?, ?, ?, " +
                "metadata => ?, session_expiry => ?, inactivity_timeout => ?)"
        );
        signIn.setObject(1, user);
        signIn.setString(2, "Laptop");
        signIn.setString(3, "pgjdbc");
        signIn.setObject(4, "2001:db8::7", Types.OTHER);
        signIn.setArray(5, db.createArrayOf("text", new String[] { "read", "write" }));
        signIn.setObject(6, "{\"plan\": \"free\"}", Types.OTHER);
        signIn.setObject(7, new PGInterval("2 hours"));
        signIn.setObject(8, new PGInterval("30 minutes"));
        ResultSet made = row(signIn.executeQuery());
        Duration left = Duration.between(OffsetDateTime.now(), made.getObject("expires_at", OffsetDateTime.class));
        require("expiry", left.toSeconds() > 7140 && left.toSeconds() <= 7200);
        require("array of ids", made.getArray("evicted_session_ids").getArray() instanceof UUID[]);
        UUID id = made.getObject("session_id", UUID.class);
        System.out.println("sign_in");

        ResultSet session = row(validate(db, made.getString("token")));
        require("session", session.getObject("session_id", UUID.class).equals(id));
        require("user", session.getObject("user_id", UUID.class).equals(user));
        String[] scopes = (String[]) session.getArray("scopes").getArray();
        require("scopes", List.of(scopes).equals(List.of("read", "write")));
        require("metadata", session.getString("metadata").equals("{\"plan\": \"free\"}"));
        require("boolean", !session.getBoolean("mfa_verified"));
        System.out.println("validate");

        require("nobody's token", !validate(db, "nobody's").next());
        System.out.println("nobody");

        String refresh = "SELECT * FROM session_service.refresh_session(?)";
        ResultSet first = row(Sessions.call(db, refresh, made.getString("refresh_token")));
        ResultSet second = row(Sessions.call(db, refresh, made.getString("refresh_token")));
        String token = first.getString("token");
        require(
            "the pair again",
            token.equals(second.getString("token")) &&
                first.getString("refresh_token").equals(second.getString("refresh_token"))
        );
        require("repeated", !first.getBoolean("repeated") && second.getBoolean("repeated"));
        require("old token", !validate(db, made.getString("token")).next());
        System.out.println("refresh");

        ResultSet mine = row(
            Sessions.call(db, "SELECT * FROM session_service.list_user_sessions(?, ?) WHERE is_current", user, id)
        );
        require(
            "listed",
            mine.getString("ip_address").equals("2001:db8::7") && mine.getString("status").equals("active")
        );
        OffsetDateTime active = mine.getObject("last_activity_at", OffsetDateTime.class);
        require("times", active.plusMinutes(30).equals(mine.getObject("idle_expires_at", OffsetDateTime.class)));
        System.out.println("list");

        Array tokens = db.createArrayOf("text", new String[] { "nobody's", null, token });
        ResultSet batch = row(Sessions.call(db, "SELECT * FROM session_service.validate_sessions(?)", tokens));
        require("batch", batch.getInt("token_index") == 3 && batch.getObject("session_id", UUID.class).equals(id));
        System.out.println("batch");

        db.createStatement().execute("LISTEN session_service");
        ResultSet done = row(Sessions.call(db, "SELECT session_service.revoke_session_by_token(?)", token));
        require("signed out at once", done.getBoolean(1) && !validate(db, token).next());
        System.out.println("sign_out");

        String told = db.unwrap(PGConnection.class).getNotifications()[0].getParameter();
        require("told", told.contains(id.toString()));
        System.out.println("listen");

        try {
            Sessions.call(db, "SELECT * FROM session_service.create_session(?::uuid, ?)", null, token);
        } catch (SQLException error) {
            require("SQLSTATE", error.getSQLState().equals("22004"));
            require("a token in an error", !error.toString().contains(token));
            System.out.println("error");
        }
    }
}
