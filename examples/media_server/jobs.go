package main

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"go.uber.org/fx"

	"example.com/media_server/internal/sessions"
)

// riverSchema is where River keeps its tables.
const riverSchema = "river"

// cleanup is the job that deletes what is over for longer than the retention.
type cleanup struct{}

func (cleanup) Kind() string { return "cleanup_sessions" }

type cleanupWorker struct {
	river.WorkerDefaults[cleanup]
	queries *sessions.Queries
}

// Work calls batch after batch, each a transaction of its own, until nothing is left.
func (w *cleanupWorker) Work(ctx context.Context, _ *river.Job[cleanup]) error {
	for {
		deleted, err := w.queries.CleanupSessions(ctx)
		if err != nil || deleted == 0 {
			return err
		}
		slog.Info("cleanup", "deleted", deleted)
	}
}

func (w *cleanupWorker) Timeout(*river.Job[cleanup]) time.Duration { return 2 * time.Minute }

// runJobs runs the jobs of River. Of several servers one, the leader, adds the periodic ones.
func runJobs(lifecycle fx.Lifecycle, pool *pgxpool.Pool, queries *sessions.Queries) error {
	interval, err := time.ParseDuration(cmp.Or(os.Getenv("CLEANUP_INTERVAL"), "1h"))
	if err != nil {
		return err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &cleanupWorker{queries: queries})
	driver := riverpgxv5.New(pool)
	client, err := river.NewClient(driver, &river.Config{
		Schema:      riverSchema,
		Queues:      map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 1}},
		Workers:     workers,
		MaxAttempts: 3,
		PeriodicJobs: []*river.PeriodicJob{river.NewPeriodicJob(
			river.PeriodicInterval(interval),
			func() (river.JobArgs, *river.InsertOpts) { return cleanup{}, nil },
			&river.PeriodicJobOpts{RunOnStart: true},
		)},
	})
	if err != nil {
		return err
	}
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Schema: riverSchema})
	if err != nil {
		return err
	}
	lifecycle.Append(fx.StartStopHook(
		func(ctx context.Context) error {
			if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
				return err
			}
			// The client runs for as long as its context does. That of a start hook ends with the start.
			return client.Start(context.WithoutCancel(ctx))
		},
		client.Stop,
	))
	return nil
}
