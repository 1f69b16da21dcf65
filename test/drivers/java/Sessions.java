// The life of a session through pgjdbc: ../run.sh has its steps, docs/clients.md the snippet.

// snippet
import java.sql.*;
import java.util.UUID;

public class Sessions {

    // A call: its row is there after next(), and its statement is closed with the result.
    static ResultSet call(Connection db, String statement, Object... values) throws SQLException {
        PreparedStatement prepared = db.prepareStatement(statement);
        prepared.closeOnCompletion();
        for (int i = 0; i < values.length; ++i) prepared.setObject(i + 1, values[i]);
        return prepared.executeQuery();
    }

    public static void main(String[] arguments) throws Exception {
        // Such as "jdbc:postgresql://localhost/app?user=app".
        try (Connection db = DriverManager.getConnection(System.getenv("JDBC_URL"))) {
            UUID user = UUID.fromString("ada00000-0000-4000-8000-000000000001");
            ResultSet made = call(
                db,
                "SELECT * FROM session_service.create_session(?, ip_address => ?::inet)",
                user,
                "192.0.2.7"
            );
            made.next();
            ResultSet session = call(
                db,
                "SELECT user_id, scopes FROM session_service.validate_session(?)",
                made.getString("token")
            );
            if (!session.next()) return; // answer 401
            ResultSet pair = call(
                db,
                "SELECT * FROM session_service.refresh_session(?)",
                made.getString("refresh_token")
            );
            pair.next();
            call(db, "SELECT session_service.revoke_session_by_token(?)", pair.getString("token"));
            System.out.println(session.getObject("user_id", UUID.class));
            // end of snippet
            Life.live(db, user);
            // snippet
        }
    }
}
// end of snippet
