package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

type session struct {
	SessionID, UserID string
	Scopes            []string
	Metadata          map[string]any
	MfaVerified       bool
	CreatedAt         time.Time
}

type pair struct {
	Token, RefreshToken string
	Repeated            bool
}

// one is the row of a call, or pgx.ErrNoRows.
func one[T any](ctx context.Context, db *pgxpool.Pool, statement string, values ...any) (T, error) {
	rows, _ := db.Query(ctx, statement, values...) // its error is CollectExactlyOneRow's too
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[T])
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func require(what string, holds bool) {
	if !holds {
		log.Fatal(what)
	}
}

func live(ctx context.Context, db *pgxpool.Pool, user string) {
	address := netip.MustParseAddr("2001:db8::7")
	validate := func(token string) (session, error) {
		return one[session](ctx, db, `SELECT session_id, user_id, scopes, metadata, mfa_verified, created_at
			FROM session_service.validate_session($1, $2)`, token, address)
	}

	type signedIn struct {
		SessionID, Token, RefreshToken string
		ExpiresAt                      time.Time
		Evicted                        []string
	}
	made := must(one[signedIn](ctx, db, `SELECT session_id, token, refresh_token, expires_at,
			evicted_session_ids AS evicted
		FROM session_service.create_session($1, $2, $3, $4, $5, metadata => $6, session_expiry => $7,
			inactivity_timeout => $8)`, user, "Laptop", "pgx", address,
		[]string{"read", "write"}, map[string]any{"plan": "free"}, 2*time.Hour, 30*time.Minute))
	require("expiry", time.Until(made.ExpiresAt).Round(time.Minute) == 2*time.Hour)
	fmt.Println("sign_in")

	valid := must(validate(made.Token))
	require("ids", valid.SessionID == made.SessionID && valid.UserID == user)
	require("scopes", slices.Equal(valid.Scopes, []string{"read", "write"}))
	require("metadata", valid.Metadata["plan"] == "free" && !valid.MfaVerified && !valid.CreatedAt.IsZero())
	fmt.Println("validate")

	_, err := validate("nobody's")
	require("nobody's token", errors.Is(err, pgx.ErrNoRows))
	fmt.Println("nobody")

	const refresh = "SELECT token, refresh_token, repeated FROM session_service.refresh_session($1)"
	first := must(one[pair](ctx, db, refresh, made.RefreshToken))
	second := must(one[pair](ctx, db, refresh, made.RefreshToken))
	require("the pair again", second == pair{first.Token, first.RefreshToken, true} && !first.Repeated)
	_, err = validate(made.Token)
	require("old token", errors.Is(err, pgx.ErrNoRows))
	fmt.Println("refresh")

	type listed struct {
		IPAddress                     netip.Addr `db:"ip_address"`
		Status                        string
		LastActivityAt, IdleExpiresAt time.Time
	}
	mine := must(one[listed](ctx, db, `SELECT ip_address, status, last_activity_at, idle_expires_at
		FROM session_service.list_user_sessions($1, $2) WHERE is_current`, user, made.SessionID))
	require("listed", mine.IPAddress == address && mine.Status == "active")
	require("times", mine.IdleExpiresAt.Sub(mine.LastActivityAt) == 30*time.Minute)
	fmt.Println("list")

	batch := must(one[struct{ TokenIndex int }](ctx, db, "SELECT token_index FROM session_service.validate_sessions($1)",
		[]*string{nil, &made.RefreshToken, &first.Token}))
	require("batch", batch.TokenIndex == 3)
	fmt.Println("batch")

	var all sync.WaitGroup
	for range 50 {
		all.Add(1)
		go func() {
			defer all.Done()
			require("at once", must(validate(first.Token)).SessionID == made.SessionID)
		}()
	}
	all.Wait()
	fmt.Println("pool")

	listener := must(db.Acquire(ctx))
	defer listener.Release()
	must(listener.Exec(ctx, "LISTEN session_service"))
	var done bool
	check(db.QueryRow(ctx, "SELECT session_service.revoke_session_by_token($1)", first.Token).Scan(&done))
	_, err = validate(first.Token)
	require("signed out at once", done && errors.Is(err, pgx.ErrNoRows))
	fmt.Println("sign_out")

	var told map[string]any
	check(json.Unmarshal([]byte(must(listener.Conn().WaitForNotification(ctx)).Payload), &told))
	require("told", told["session_id"] == made.SessionID)
	fmt.Println("listen")

	_, err = one[pair](ctx, db, "SELECT * FROM session_service.create_session($1, $2)", nil, first.Token)
	var refused *pgconn.PgError
	require("SQLSTATE", errors.As(err, &refused) && refused.Code == "22004")
	require("a token in an error", !strings.Contains(err.Error(), first.Token))
	fmt.Println("error")
}
