// The life of a session through pgx and its pool: ../run.sh has its steps, docs/clients.md the snippet.

// snippet
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5/pgxpool"
)

func main() {
	ctx := context.Background()
	db, err := pgxpool.New(ctx, "") // where to, the PG… variables say
	check(err)
	user := "ada00000-0000-4000-8000-000000000001"
	var token, refreshToken, whose string

	check(db.QueryRow(ctx, "SELECT token, refresh_token FROM session_service.create_session($1, ip_address => $2)",
		user, "192.0.2.7").Scan(&token, &refreshToken))
	check(db.QueryRow(ctx, "SELECT user_id FROM session_service.validate_session($1)", token).
		Scan(&whose)) // pgx.ErrNoRows: answer 401
	check(db.QueryRow(ctx, "SELECT token, refresh_token FROM session_service.refresh_session($1)", refreshToken).
		Scan(&token, &refreshToken))
	_, err = db.Exec(ctx, "SELECT session_service.revoke_session_by_token($1)", token)
	check(err)
	fmt.Println(whose)
	// end of snippet
	live(ctx, db, user)
	// snippet
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// end of snippet
