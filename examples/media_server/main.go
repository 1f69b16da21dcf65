// A media server's HTTP API for sessions, over session_service.
//
// LISTEN is the address to listen at, CLEANUP_INTERVAL the time between cleanups, and the PG… variables lead to the
// database.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"example.com/media_server/internal/sessions"
)

func main() {
	fx.New(
		fx.WithLogger(func() fxevent.Logger {
			logger := &fxevent.SlogLogger{Logger: slog.Default()}
			logger.UseLogLevel(slog.LevelDebug)
			return logger
		}),
		fx.Provide(
			newPool,
			func(pool *pgxpool.Pool) *sessions.Queries { return sessions.New(pool) },
			newHTTPHandler,
		),
		fx.Invoke(runJobs, serve),
	).Run()
}

func newPool(lifecycle fx.Lifecycle) (*pgxpool.Pool, error) {
	pool, err := pgxpool.New(context.Background(), "")
	if err != nil {
		return nil, err
	}
	lifecycle.Append(fx.StopHook(pool.Close))
	return pool, nil
}

// serve answers requests until the program is told to stop, and then those that are under way.
func serve(lifecycle fx.Lifecycle, shutdowner fx.Shutdowner, handler http.Handler) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	lifecycle.Append(fx.Hook{
		OnStart: func(ctx context.Context) error {
			listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:8080"))
			if err != nil {
				return err
			}
			fmt.Printf("Listening on http://%s\n", listener.Addr())
			go func() {
				if err := server.Serve(listener); err != http.ErrServerClosed {
					slog.Error("no longer listening", "error", err)
					_ = shutdowner.Shutdown(fx.ExitCode(1))
				}
			}()
			return nil
		},
		OnStop: server.Shutdown,
	})
}
