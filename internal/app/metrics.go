package app

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/trail"
)

// metrics serves what Prometheus asks for. What stands in the database is read when it is asked
// for, so that every process tells the same. Labels never hold an integration: there may be many.
func metrics(s *store.Store, requests *trail.Recorder, version string, log *slog.Logger) http.Handler {
	r := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "kladka_build_info", Help: "Always 1; the label tells the version.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	dropped := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "kladka_request_log_dropped_total", Help: "Entries of the request log that were lost because the database did not keep up.",
	}, func() float64 { return float64(requests.Dropped()) })
	r.MustRegister(build, dropped, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &stored{s, log})
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)})
}

var (
	integrationsDesc = prometheus.NewDesc("kladka_integrations", "Connected integrations by status.", []string{"tool", "status"}, nil)
	runsDesc         = prometheus.NewDesc("kladka_syncs_active", "Syncs that are queued or running.", []string{"type", "state"}, nil)
	oldestDesc       = prometheus.NewDesc("kladka_sync_progress_age_seconds", "Time since the least lively active sync made progress.", nil, nil)
	actionsDesc      = prometheus.NewDesc("kladka_actions_open", "Actions that have not ended. Many that are unknown mean that TRAFFIT loses answers.", []string{"state"}, nil)
)

// stored tells what the database knows.
type stored struct {
	store *store.Store
	log   *slog.Logger
}

// Describe names the metrics.
func (c *stored) Describe(ch chan<- *prometheus.Desc) {
	ch <- integrationsDesc
	ch <- runsDesc
	ch <- oldestDesc
	ch <- actionsDesc
}

// Collect reads them.
func (c *stored) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	all, err := allIntegrations(ctx, c.store)
	if err != nil {
		c.log.WarnContext(ctx, "metrics of integrations", "err", err)
		return
	}
	byStatus := map[[2]string]float64{}
	for _, i := range all {
		byStatus[[2]string{i.Tool, i.Status}]++
	}
	for key, n := range byStatus {
		ch <- prometheus.MustNewConstMetric(integrationsDesc, prometheus.GaugeValue, n, key[0], key[1])
	}
	runs, err := c.store.ActiveRuns(ctx)
	if err != nil {
		c.log.WarnContext(ctx, "metrics of syncs", "err", err)
		return
	}
	byState := map[[2]string]float64{}
	var oldest float64
	for _, r := range runs {
		byState[[2]string{string(r.Type), string(r.State)}]++
		if r.ProgressAt != nil {
			oldest = max(oldest, float64(c.store.Now()-*r.ProgressAt)/1000)
		}
	}
	for key, n := range byState {
		ch <- prometheus.MustNewConstMetric(runsDesc, prometheus.GaugeValue, n, key[0], key[1])
	}
	ch <- prometheus.MustNewConstMetric(oldestDesc, prometheus.GaugeValue, oldest)
	open, err := c.store.OpenActions(ctx)
	if err != nil {
		c.log.WarnContext(ctx, "metrics of actions", "err", err)
		return
	}
	for _, state := range []store.ActionState{store.ActionRequested, store.ActionSending, store.ActionUnknown} {
		ch <- prometheus.MustNewConstMetric(actionsDesc, prometheus.GaugeValue, float64(open[state]), string(state))
	}
}
