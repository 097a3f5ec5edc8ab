package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// loadConfig says what to send.
type loadConfig struct {
	Address  string   // host and port
	Requests []string // as they go over the wire, sent in turn
	For      time.Duration
	// Rate opens the loop: so many requests a second are due, whether answers have come or not.
	// Zero closes it: each connection sends the next request when its answer is there.
	Rate        float64
	Connections int
}

// loadResult is what came of it.
type loadResult struct {
	Count     int
	Bytes     int64
	PerSecond float64
	// P50 and P99 are latencies; with an open loop from the moment a request was due.
	P50, P99 time.Duration
}

// load sends requests.
func load(ctx context.Context, config []byte, _ func(any) error) (any, error) {
	var c loadConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	due := make(chan time.Time, 1+int(c.Rate*c.For.Seconds()))
	began := time.Now()
	end := began.Add(c.For)
	if c.Rate > 0 {
		go func() {
			defer close(due)
			for n := 0; ; n++ {
				at := began.Add(time.Duration(float64(n) / c.Rate * float64(time.Second)))
				if at.After(end) || ctx.Err() != nil {
					return
				}
				time.Sleep(time.Until(at))
				due <- at // it has room for all
			}
		}()
	}
	results := make([]client, c.Connections)
	var wait sync.WaitGroup
	for i := range results {
		wait.Add(1)
		go func() {
			defer wait.Done()
			if err := results[i].work(ctx, c, i, due, end); err != nil {
				cancel(err)
			}
		}()
	}
	wait.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	r := loadResult{}
	var all []time.Duration
	for _, one := range results {
		all = append(all, one.latencies...)
		r.Bytes += one.bytes
	}
	slices.Sort(all)
	r.Count = len(all)
	if r.Count == 0 {
		return nil, errors.New("there was no answer")
	}
	r.PerSecond = float64(r.Count) / time.Since(began).Seconds()
	r.P50, r.P99 = all[r.Count/2], all[r.Count*99/100]
	return r, nil
}

// client is one connection. net/http's client would take more time than some of what it measures.
type client struct {
	conn      net.Conn
	in        *bufio.Reader
	latencies []time.Duration
	bytes     int64
}

func (l *client) work(ctx context.Context, c loadConfig, n int, due <-chan time.Time, end time.Time) (err error) {
	if l.conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", c.Address); err != nil {
		return err
	}
	defer l.conn.Close() //nolint:errcheck // everything was read
	l.in = bufio.NewReaderSize(l.conn, 64<<10)
	for ; ctx.Err() == nil; n++ {
		from := time.Now()
		ok := from.Before(end)
		if c.Rate > 0 {
			from, ok = <-due
		}
		if !ok {
			return nil
		}
		if err := l.ask(c.Requests[n%len(c.Requests)]); err != nil {
			return err
		}
		l.latencies = append(l.latencies, time.Since(from))
	}
	return nil
}

// ask sends a request and reads its answer, which must say how long it is.
func (l *client) ask(request string) error {
	if _, err := l.conn.Write([]byte(request)); err != nil {
		return err
	}
	length := -1
	for first := true; ; first = false {
		line, err := l.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
			return fmt.Errorf("the answer is %q", line)
		}
		if len(bytes.TrimSpace(line)) == 0 {
			break
		}
		if name, value, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("the answer does not say how long it is")
	}
	l.bytes += int64(length)
	_, err := l.in.Discard(length)
	return err
}

func decodeJSON(r io.Reader, into any) error { return json.NewDecoder(r).Decode(into) }
