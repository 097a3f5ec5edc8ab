package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// leastRequests counts the requests that a sync needs by step: every page of the listings, and, for a
// first sync, every thing that is asked for by itself.
func (t *tenantProcess) leastRequests(ctx context.Context) (map[string]int, error) {
	var needed []request
	client := newClient()
	if err := getJSON(ctx, client, t.URL+"/_bench/requests", &needed); err != nil {
		return nil, err
	}
	least := map[string]int{"token": 1}
	for _, q := range needed {
		least[q.step()]++
	}
	return least, nil
}

// measureRequests counts the requests of a sync, and takes the time of one that may send few a
// second to a tenant that answers late.
func measureRequests(ctx context.Context, b *bench) error {
	for _, db := range b.databases[:1] { // requests do not depend on the database
		if err := b.countRequests(ctx, db); err != nil {
			return err
		}
		if err := b.paceRequests(ctx, db); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) countRequests(ctx context.Context, db database) error {
	t, err := b.startTenant(tenantConfig{tenantSize: b.smaller()})
	if err != nil {
		return err
	}
	least, err := t.leastRequests(ctx)
	if err != nil {
		return err
	}
	u, remove, err := db.make(ctx)
	if err != nil {
		return err
	}
	var counts [2]map[string]int
	for i := range counts {
		var r syncResult
		if _, err := b.do("kladka", kladkaConfig{Database: u, Tenant: t.URL, ClientID: t.ClientID, Secret: t.Secret, Sync: true}, &r, ""); err != nil {
			return err
		}
		if r.State != "SUCCEEDED" {
			return fmt.Errorf("the sync ended %s: %s", r.State, r.Error)
		}
		if counts[i], err = t.counts(ctx); err != nil {
			return err
		}
		delete(counts[i], "missed")
	}
	b.table.line("\n**Requests of a sync**, %s candidates, %s recruitments. The least is every page of each listing once, and on a first sync one request for each thing that has an address of its own.\n",
		count(b.smaller().Candidates), count(b.smaller().Recruitments))
	b.table.line("| | first | least | ratio | unchanged | least | ratio |")
	b.table.line("|---|--:|--:|--:|--:|--:|--:|")
	var sum [4]int
	steps := []string{}
	for step := range least {
		steps = append(steps, step)
	}
	for step := range counts[0] {
		if least[step] == 0 {
			steps = append(steps, step)
		}
	}
	slices.Sort(steps)
	for _, step := range steps {
		again := least[step]
		if single(step) {
			again = 0
		}
		for i, n := range []int{counts[0][step], least[step], counts[1][step], again} {
			sum[i] += n
		}
		b.table.line("| %s | %d | %d | %s | %d | %d | %s |", step, counts[0][step], least[step], ratio(counts[0][step], least[step]), counts[1][step], again, ratio(counts[1][step], again))
	}
	b.table.line("| **all** | %d | %d | %s | %d | %d | %s |", sum[0], sum[1], ratio(sum[0], sum[1]), sum[2], sum[3], ratio(sum[2], sum[3]))
	if _, err := t.stop(); err != nil {
		return err
	}
	return remove()
}

func ratio(n, least int) string {
	if least == 0 {
		return ""
	}
	return number(float64(n) / float64(least))
}

func (b *bench) paceRequests(ctx context.Context, db database) error {
	t, err := b.startTenant(tenantConfig{b.paced, b.latency})
	if err != nil {
		return err
	}
	needed, err := t.leastRequests(ctx)
	if err != nil {
		return err
	}
	least := 0
	for _, n := range needed {
		least += n
	}
	u, remove, err := db.make(ctx)
	if err != nil {
		return err
	}
	b.say("a sync at %.0f requests/s and %s latency: at least %.0f s", b.rps, b.latency, float64(least)/b.rps)
	b.table.section("Time of a first sync that waits", fmt.Sprintf(
		"%s candidates, %s recruitments, %s requests/s, each answered after %s. The least time is that of the least requests at that rate.",
		count(b.paced.Candidates), count(b.paced.Recruitments), number(b.rps), b.latency))
	var r syncResult
	if _, err := b.do("kladka", kladkaConfig{Database: u, Tenant: t.URL, ClientID: t.ClientID, Secret: t.Secret, Sync: true, RPS: b.rps}, &r, ""); err != nil {
		return err
	}
	if r.State != "SUCCEEDED" {
		return fmt.Errorf("the sync ended %s: %s", r.State, r.Error)
	}
	for _, s := range r.Steps {
		b.say("  %-20s %5d requests in %s", s.Name, s.Requests, s.Wall.Round(10*time.Millisecond))
	}
	shortest := float64(least) / b.rps
	b.table.row("least", "s", []float64{shortest}, goal{})
	b.table.row("taken", "s", []float64{r.Wall.Seconds()}, goal{})
	b.table.row("taken / least", "", []float64{r.Wall.Seconds() / shortest}, atMost(1.1))
	if _, err := t.stop(); err != nil {
		return err
	}
	return remove()
}
