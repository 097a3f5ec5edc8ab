package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// How many connections the two kinds of load use.
const (
	closedConnections = 4
	openConnections   = 64
)

// page is a page of a list that is asked for.
type page struct {
	model string
	size  int
}

var pages = []page{{"candidates", 100}, {"candidates", 250}, {"applications", 100}, {"applications", 250}}

// latencyGoal is what the slowest of a hundred answers may take, in milliseconds.
func (p page) latencyGoal() float64 { return float64(p.size) / 10 }

// measureServing compares the API with handlers that do the least.
func measureServing(ctx context.Context, b *bench) error {
	for _, db := range b.databases {
		for _, n := range b.rows {
			if err := b.serveFrom(ctx, db, n); err != nil {
				return fmt.Errorf("%s, %d rows: %w", db.name, n, err)
			}
		}
	}
	return nil
}

// served is what was measured of one page.
type served struct {
	first, deep, memory, rows []loadResult
	cpu, rowsCPU              []float64 // milliseconds a page
	open                      []loadResult
}

func (b *bench) serveFrom(ctx context.Context, db database, n int) error {
	u, remove, err := db.make(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if _, err := b.do("fill", fillConfig{u, n}, nil, ""); err != nil {
		return err
	}
	b.say("%s: %d candidates and as many applications written in %s", db.name, n, time.Since(began).Round(100*time.Millisecond))
	p, err := b.start("kladka", kladkaConfig{Database: u, Tenant: "http://127.0.0.1:1"}, fmt.Sprintf("%s-serve-%d", strings.ToLower(db.name), n))
	if err != nil {
		return err
	}
	var ready kladkaReady
	if err := p.read(&ready); err != nil {
		return err
	}
	t := &b.table
	t.section(fmt.Sprintf("Lists on %s, %s candidates and as many applications", db.name, count(n)),
		fmt.Sprintf("Pages with everything that they embed. Closed loop over %d connections; the open loop has a fixed schedule at half of that rate, and latency counts from the scheduled moment.", closedConnections))
	cursors := map[string]string{}
	for _, page := range pages {
		if page.size > n/2 {
			continue
		}
		if cursors[page.model] == "" {
			if cursors[page.model], err = deepCursor(ctx, ready, page.model, n*9/10); err != nil {
				return err
			}
		}
		r, err := b.servePage(ctx, db, p, ready, page, n, cursors[page.model])
		if err != nil {
			return err
		}
		r.table(t, page)
	}
	if _, err := p.stop(); err != nil {
		return err
	}
	return remove()
}

func (b *bench) servePage(ctx context.Context, db database, kladka *process, ready kladkaReady, page page, n int, cursor string) (r served, err error) {
	first := fmt.Sprintf("/v1/ats/%s?page_size=%d", page.model, page.size)
	deep := first + "&cursor=" + cursor
	bodies := map[string]string{}
	for _, path := range []string{first, deep} {
		body, err := get(ctx, ready, path)
		if err != nil {
			return r, err
		}
		bodies[path] = string(body)
	}
	fromMemory, err := b.start("memory", memoryConfig{bodies}, "")
	if err != nil {
		return r, err
	}
	var memoryURL, rowsURL string
	if err := fromMemory.read(&memoryURL); err != nil {
		return r, err
	}
	u, remove, err := db.make(ctx)
	if err != nil {
		return r, err
	}
	fromRows, err := b.start("rows", rowsConfig{Database: u, Between: min(n, 5_000), Pages: []rowsPage{{first, bodies[first]}, {deep, bodies[deep]}}}, "")
	if err != nil {
		return r, err
	}
	if err := fromRows.read(&rowsURL); err != nil {
		return r, err
	}
	closed := func(into *[]loadResult, cpu *[]float64, server *process, url string, path string) error {
		c := loadConfig{Address: strings.TrimPrefix(url, "http://"), Requests: wire(ready, path), For: b.closed, Connections: closedConnections}
		var one loadResult
		spent := func() time.Duration { return cpuOf(server.cmd.Process.Pid) + cpuOfTree(db.server) }
		before := spent()
		if _, err := b.do("load", c, &one, ""); err != nil {
			return err
		}
		*into = append(*into, one)
		*cpu = append(*cpu, milliseconds(spent()-before)/float64(one.Count))
		return nil
	}
	for range b.runs {
		var other []float64
		if err := errors.Join(
			closed(&r.first, &r.cpu, kladka, ready.URL, first), closed(&r.rows, &r.rowsCPU, fromRows, rowsURL, first),
			closed(&r.memory, &other, fromMemory, memoryURL, first), closed(&r.deep, &other, kladka, ready.URL, deep),
		); err != nil {
			return r, err
		}
	}
	for _, p := range []*process{fromMemory, fromRows} {
		if _, err := p.stop(); err != nil {
			return r, err
		}
	}
	if err := remove(); err != nil {
		return r, err
	}
	for n := range b.runs {
		c := loadConfig{
			Address: strings.TrimPrefix(ready.URL, "http://"), Requests: wire(ready, first, deep),
			For: b.open, Rate: r.first[n].PerSecond / 2, Connections: openConnections,
		}
		var one loadResult
		if _, err := b.do("load", c, &one, ""); err != nil {
			return r, err
		}
		r.open = append(r.open, one)
	}
	b.say("%s, %d rows, %d %s: %.0f/s, deep %.0f/s, from memory %.0f/s, from rows %.0f/s, p99 %s at %.0f/s", db.name, n, page.size, page.model,
		r.first[0].PerSecond, r.deep[0].PerSecond, r.memory[0].PerSecond, r.rows[0].PerSecond, r.open[0].P99, r.open[0].PerSecond)
	return r, nil
}

func (r served) table(t *table, p page) {
	each := func(value func(i int) float64) []float64 {
		var out []float64
		for i := range r.first {
			out = append(out, value(i))
		}
		return out
	}
	name := fmt.Sprintf("%d %s", p.size, p.model)
	t.row(name, "pages/s", each(func(i int) float64 { return r.first[i].PerSecond }), goal{})
	t.row(name, "CPU ms a page, server's included", r.cpu, goal{})
	t.row(name+", CPU / one query over finished rows", "", each(func(i int) float64 { return r.cpu[i] / r.rowsCPU[i] }), goal{})
	t.row(name+" / same bytes from memory", "", each(func(i int) float64 { return r.first[i].PerSecond / r.memory[i].PerSecond }), atLeast(0.8))
	t.row(name+" / one query over finished rows", "", each(func(i int) float64 { return r.first[i].PerSecond / r.rows[i].PerSecond }), goal{})
	t.row(name+", first / deep page", "", each(func(i int) float64 { return r.first[i].PerSecond / r.deep[i].PerSecond }), atMost(1.1))
	t.row(name+", open loop, p50", "ms", each(func(i int) float64 { return milliseconds(r.open[i].P50) }), goal{})
	t.row(name+", open loop, p99", "ms", each(func(i int) float64 { return milliseconds(r.open[i].P99) }), atMost(p.latencyGoal()))
}

// wire gives requests as they go over the wire.
func wire(ready kladkaReady, paths ...string) []string {
	var out []string
	for _, p := range paths {
		out = append(out, fmt.Sprintf("GET %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\nX-Integration-Id: %s\r\n\r\n", p, ready.Key, ready.Integration))
	}
	return out
}

func get(ctx context.Context, ready kladkaReady, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, ready.URL+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+ready.Key)
	r.Header.Set("X-Integration-Id", ready.Integration)
	r.Header.Set("Accept-Encoding", "identity")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %d: %.200s", path, resp.StatusCode, body)
	}
	return body, err
}

// deepCursor walks a list until so many records are behind, and gives where it stands.
func deepCursor(ctx context.Context, ready kladkaReady, model string, behind int) (string, error) {
	cursor := ""
	for seen := 0; seen < behind; seen += 250 {
		path := fmt.Sprintf("/v1/ats/%s?page_size=250", model)
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		body, err := get(ctx, ready, path)
		if err != nil {
			return "", err
		}
		_, rest, _ := strings.Cut(string(body[:min(300, len(body))]), `"next":"`)
		next, _, found := strings.Cut(rest, `"`)
		if !found {
			break
		}
		cursor = next
	}
	if cursor == "" {
		return "", errors.New("the list has one page only")
	}
	return cursor, nil
}
