package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
)

// rowsConfig says which pages are to be served from a table: those that begin with the given
// records, once in front of the table and once at its end.
type rowsConfig struct {
	Database string
	// Pages are answers by path and query; their records become rows in this order.
	Pages []rowsPage
	// Between is how many further rows stand between the pages.
	Between int
}

type rowsPage struct {
	Path string
	Body string
}

// rows is the least that serves a page of a table: one query over finished rows, by hand.
func rows(ctx context.Context, config []byte, say func(any) error) (any, error) {
	var c rowsConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	db, err := openSQL(c.Database)
	if err != nil {
		return nil, err
	}
	defer db.Close() //nolint:errcheck // the process ends
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)
	places, err := fillRows(ctx, db, c)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if err := say("http://" + l.Addr().String()); err != nil {
		return nil, err
	}
	return nil, serveUntil(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := places[r.URL.RequestURI()]
		if !ok {
			http.NotFound(w, r)
			return
		}
		found, err := db.QueryContext(r.Context(), `SELECT body FROM finished WHERE id > $1 ORDER BY id LIMIT $2`, p.after, p.count)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer found.Close()
		body := make([]byte, 0, p.size)
		body = append(body, p.head...)
		var one sql.RawBytes
		for n := 0; found.Next(); n++ {
			if err := found.Scan(&one); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			if n > 0 {
				body = append(body, ',')
			}
			body = append(body, one...)
		}
		if err := found.Err(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		body = append(body, "]}}"...)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body) // the client may be gone
	}))
}

// place is where the rows of a page are.
type place struct {
	after, count, size int
	head               string
}

func fillRows(ctx context.Context, db *sql.DB, c rowsConfig) (map[string]place, error) {
	if _, err := db.ExecContext(ctx, `CREATE TABLE finished (id INTEGER PRIMARY KEY, body TEXT NOT NULL)`); err != nil {
		return nil, err
	}
	places := map[string]place{}
	next := 0
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it is too late
	insert, err := tx.PrepareContext(ctx, `INSERT INTO finished (id, body) VALUES ($1, $2)`)
	if err != nil {
		return nil, err
	}
	defer insert.Close() //nolint:errcheck // with the transaction
	for _, page := range c.Pages {
		var answer struct {
			Data struct {
				Next    *string           `json:"next"`
				Results []json.RawMessage `json:"results"`
			} `json:"data"`
		}
		if err := json.Unmarshal([]byte(page.Body), &answer); err != nil {
			return nil, err
		}
		token, err := json.Marshal(answer.Data.Next)
		if err != nil {
			return nil, err
		}
		places[page.Path] = place{
			after: next, count: len(answer.Data.Results), size: len(page.Body),
			head: fmt.Sprintf(`{"status":"success","data":{"next":%s,"results":[`, token),
		}
		filler := string(answer.Data.Results[0])
		for _, r := range answer.Data.Results {
			next++
			if _, err := insert.ExecContext(ctx, next, string(r)); err != nil {
				return nil, err
			}
		}
		for range c.Between {
			next++
			if _, err := insert.ExecContext(ctx, next, filler); err != nil {
				return nil, err
			}
		}
	}
	return places, tx.Commit()
}
