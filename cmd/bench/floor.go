package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// The least that a mirror of the same data could do: as many rows a statement and a transaction
// as are still of use, and as many requests at once as the product makes.
const (
	floorStatement   = 100
	floorTransaction = 1000
	floorInFlight    = 4
)

type floorConfig struct{ Tenant, Database string }

// floorResult is what the floor program took, for pages of listings and for things asked for one by one.
type floorResult struct {
	Requests, Rows int
	Bytes          int64
	Listing        time.Duration // of the CPU time
}

// floor downloads what a first sync downloads and inserts its rows as they came.
func floor(ctx context.Context, config []byte, _ func(any) error) (any, error) {
	var c floorConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	db, err := openSQL(c.Database)
	if err != nil {
		return nil, err
	}
	defer db.Close() //nolint:errcheck // everything was committed
	if _, err := db.ExecContext(ctx, `CREATE TABLE floor (id INTEGER PRIMARY KEY, path TEXT NOT NULL, raw TEXT NOT NULL)`); err != nil {
		return nil, err
	}
	f := &floorWriter{db: db}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: floorInFlight}}
	var needed []request
	if err := getJSON(ctx, client, c.Tenant+"/_bench/requests", &needed); err != nil {
		return nil, err
	}
	var pages, units []request
	for _, q := range needed {
		if q.Page > 0 && !strings.HasSuffix(q.Path, "/tags") && !strings.HasSuffix(q.Path, "/rejections") {
			pages = append(pages, q)
		} else {
			units = append(units, q)
		}
	}
	if err := f.download(ctx, client, c.Tenant, pages); err != nil {
		return nil, err
	}
	listing := ownCPU()
	if err := f.download(ctx, client, c.Tenant, units); err != nil {
		return nil, err
	}
	return floorResult{len(needed), f.rows, f.bytes, listing}, nil
}

func getJSON(ctx context.Context, client *http.Client, url string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	return json.NewDecoder(resp.Body).Decode(into)
}

type floorWriter struct {
	db    *sql.DB
	rows  int
	bytes int64
}

type floorRow struct {
	path string
	raw  []byte
}

// download asks for all, several at once, and inserts what comes in the order of asking.
func (f *floorWriter) download(ctx context.Context, client *http.Client, base string, requests []request) error {
	type got struct {
		body []byte
		err  error
	}
	ahead := make(chan chan got, floorInFlight-1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer close(ahead)
		for _, q := range requests {
			one := make(chan got, 1)
			select {
			case ahead <- one:
			case <-ctx.Done():
				return
			}
			go func() {
				body, err := fetch(ctx, client, base, q)
				one <- got{body, err}
			}()
		}
	}()
	var pending []floorRow
	n := 0
	for one := range ahead {
		g := <-one
		if g.err != nil {
			return g.err
		}
		f.bytes += int64(len(g.body))
		rows := []json.RawMessage{g.body}
		if g.body[0] == '[' {
			rows = nil
			if err := json.Unmarshal(g.body, &rows); err != nil {
				return err
			}
		}
		for _, raw := range rows {
			pending = append(pending, floorRow{requests[n].Path, raw})
		}
		n++
		for len(pending) >= floorTransaction {
			if err := f.insert(ctx, pending[:floorTransaction]); err != nil {
				return err
			}
			pending = append([]floorRow{}, pending[floorTransaction:]...)
		}
	}
	return f.insert(ctx, pending)
}

func fetch(ctx context.Context, client *http.Client, base string, q request) ([]byte, error) {
	r, err := q.http(ctx, base)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %d", q.Path, resp.StatusCode)
	}
	return io.ReadAll(resp.Body)
}

// insert inserts rows in one transaction.
func (f *floorWriter) insert(ctx context.Context, rows []floorRow) error {
	tx, err := f.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it is too late
	for len(rows) > 0 {
		n := min(floorStatement, len(rows))
		var statement strings.Builder
		statement.WriteString(`INSERT INTO floor (id, path, raw) VALUES `)
		args := make([]any, 0, 3*n)
		for i, r := range rows[:n] {
			if i > 0 {
				statement.WriteByte(',')
			}
			fmt.Fprintf(&statement, "($%d,$%d,$%d)", 3*i+1, 3*i+2, 3*i+3)
			f.rows++
			args = append(args, f.rows, r.path, string(r.raw))
		}
		if _, err := tx.ExecContext(ctx, statement.String(), args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return tx.Commit()
}
