package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
)

// memoryConfig holds answers by path and query.
type memoryConfig struct{ Answers map[string]string }

// memory is the least that serves a page: the same bytes, from memory.
func memory(ctx context.Context, config []byte, say func(any) error) (any, error) {
	var c memoryConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	answers := map[string][]byte{}
	for path, body := range c.Answers {
		answers[path] = []byte(body)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if err := say("http://" + l.Addr().String()); err != nil {
		return nil, err
	}
	return nil, serveUntil(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.URL.RequestURI()]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body) // the client may be gone
	}))
}
