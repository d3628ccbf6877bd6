package app

import (
	"guardian/internal/ingest"
	"guardian/internal/series"
)

// newIngest makes what answers remote write. Every guardian keeps what is written to it,
// whether it acts or stands by, because each has series of its own.
func (a *App) newIngest() *ingest.Receiver {
	return ingest.New(ingest.Options{
		Storage: a.series,
		Names:   func() ingest.Names { return a.setup.Load().config.Ingested },
		Wrote: func(points []series.Point) {
			if t := a.acting.Load(); t != nil {
				t.alerts.Arrived(points)
			}
		},
		Now: a.now, Log: a.log, Registerer: a.registry,
	})
}
