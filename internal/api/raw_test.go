package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/api"
	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/store"
)

// listen serves a bench as the program does, with other bounds where change says so.
func (b *bench) listen(change func(*http.Server)) (addr string) {
	b.Helper()
	l, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := app.NewServer(b.api, slog.New(slog.DiscardHandler))
	if change != nil {
		change(server)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	b.Cleanup(func() {
		_ = server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			b.Error(err)
		}
	})
	return l.Addr().String()
}

// answered is an answer as it came over the wire.
type answered struct {
	*http.Response
	body string
}

// talk sends bytes as they are and gives all answers up to the end of the connection, which the
// server makes unless the bytes are cut.
func talk(t *testing.T, addr, sent string, cut bool) []answered {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = io.WriteString(c, sent) // the server may have had enough
		if cut {
			_ = c.(*net.TCPConn).CloseWrite()
		}
	}()
	all := answers(t, c)
	<-written
	return all
}

func answers(t *testing.T, c net.Conn) []answered {
	t.Helper()
	var all []answered
	for r := bufio.NewReader(c); ; {
		res, err := http.ReadResponse(r, nil)
		if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
			t.Fatal("the connection hangs")
		}
		if err != nil {
			return all // its end, also by a reset after the answer
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		all = append(all, answered{res, string(body)})
	}
}

// TestWire sends what clients of the standard library cannot. Where the bytes are no request at
// all, net/http answers in plain text; all else has the envelope.
func TestWire(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	addr := b.listen(nil)
	open := "Host: x\r\nAuthorization: Bearer " + b.key + "\r\n"
	key := "Connection: close\r\n" + open
	get := "GET /v1/check-api-key HTTP/1.1\r\n" + key
	post := "POST /v1/force-sync HTTP/1.1\r\n" + key + "X-Integration-Id: " + off + "\r\nContent-Type: application/json\r\n"
	for _, c := range []struct {
		name, sent string
		plain      bool
		status     []int
		want       string
		cut        bool
	}{
		{name: "nothing", sent: "", plain: true, cut: true},
		{name: "method alone", sent: "GET\r\n\r\n", plain: true, status: []int{400}},
		{name: "no version", sent: "GET /v1/check-api-key\r\n\r\n", plain: true, status: []int{400}},
		{name: "two spaces", sent: "GET  /v1/check-api-key HTTP/1.1\r\nHost: x\r\n\r\n", plain: true, status: []int{400}},
		{name: "space in the target", sent: "GET /v1/check api-key HTTP/1.1\r\nHost: x\r\n\r\n", plain: true, status: []int{400}},
		{name: "broken escape", sent: "GET /v1/%zz HTTP/1.1\r\nHost: x\r\n\r\n", plain: true, status: []int{400}},
		{name: "control character in the target", sent: "GET /v1/\x01 HTTP/1.1\r\nHost: x\r\n\r\n", plain: true, status: []int{400}},
		{name: "version 9", sent: "GET /v1/check-api-key HTTP/9.9\r\nHost: x\r\n\r\n", plain: true, status: []int{505}},
		{name: "HTTP/2", sent: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", plain: true, status: []int{404}, want: badInput},
		{name: "TLS", sent: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", plain: true, status: []int{400}},
		{name: "no host", sent: "GET /v1/check-api-key HTTP/1.1\r\n\r\n", plain: true, status: []int{400}},
		{name: "two hosts", sent: "GET /v1/check-api-key HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", plain: true, status: []int{400}},
		{name: "NUL in a header", sent: get + "X-Integration-Id: a\x00b\r\n\r\n", plain: true, status: []int{400}},
		{name: "space in a header's name", sent: get + "X Y: 1\r\n\r\n", plain: true, status: []int{400}},
		{name: "space before the colon", sent: get + "Content-Length : 0\r\n\r\n", plain: true, status: []int{400}},
		{name: "header without a colon", sent: get + "nonsense\r\n\r\n", plain: true, status: []int{400}},
		{name: "a megabyte of headers", sent: get + strings.Repeat("X-A: "+strings.Repeat("x", 1000)+"\r\n", 1000) + "\r\n", plain: true, status: []int{431}},
		{name: "a megabyte in one header", sent: get + "X-A: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", plain: true, status: []int{431}},
		{name: "a megabyte of target", sent: "GET /v1/" + strings.Repeat("x", 1<<20) + " HTTP/1.1\r\nHost: x\r\n\r\n", plain: true, status: []int{431}},
		{name: "lengths that differ", sent: post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", plain: true, status: []int{400}},
		{name: "negative length", sent: post + "Content-Length: -1\r\n\r\n", plain: true, status: []int{400}},
		{name: "length beyond int64", sent: post + "Content-Length: 99999999999999999999\r\n\r\n", plain: true, status: []int{400}},
		{name: "unknown transfer encoding", sent: post + "Transfer-Encoding: xchunked\r\n\r\n{}", plain: true, status: []int{501}},
		{name: "transfer encodings", sent: post + "Transfer-Encoding: gzip, chunked\r\n\r\n{}", plain: true, status: []int{501}},
		{name: "unknown expectation", sent: post + "Expect: wonders\r\nContent-Length: 2\r\n\r\n{}", plain: true, status: []int{417}},

		{name: "raw bytes in the target", sent: "GET /v1/syncs/\xff\xfe HTTP/1.1\r\n" + key + "\r\n", status: []int{404}, want: "path.sync_id"},
		{name: "raw bytes in the query", sent: "GET /v1/integrations?cursor=\xff HTTP/1.1\r\n" + key + "\r\n", status: []int{400}, want: "query.cursor: must be valid UTF-8"},
		{name: "folded header", sent: get + "X-Integration-Id: traffit:\r\n 111\r\n\r\n", status: []int{200}},
		{name: "folded key", sent: "GET /v1/check-api-key HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer\r\n " + b.key + "\r\n\r\n", status: []int{200}},
		{name: "line feeds alone", sent: strings.ReplaceAll(get, "\r", "") + "\n", status: []int{200}},
		{name: "HTTP/1.0", sent: "GET /v1/check-api-key HTTP/1.0\r\nAuthorization: Bearer " + b.key + "\r\n\r\n", status: []int{200}, want: "env-1"},
		{name: "HTTP/1.0 without a key", sent: "GET /v1/check-api-key HTTP/1.0\r\n\r\n", status: []int{401}, want: "carries no API key"},
		{name: "absolute form", sent: "GET http://elsewhere.example/v1/check-api-key HTTP/1.1\r\n" + key + "\r\n", status: []int{200}, want: "env-1"},
		{name: "absolute form without a path", sent: "GET http://elsewhere.example HTTP/1.1\r\n" + key + "\r\n", status: []int{404}, want: badInput},
		{name: "authority form", sent: "CONNECT elsewhere.example:443 HTTP/1.1\r\n" + key + "\r\n", status: []int{404}, want: badInput},
		{name: "fragment", sent: "GET /v1/check-api-key#x HTTP/1.1\r\n" + key + "\r\n", status: []int{404}, want: badInput},
		{name: "two integrations", sent: "GET /v1/ats/tags HTTP/1.1\r\n" + key + "X-Integration-Id: " + off + "\r\nX-Integration-Id: " + full + "\r\n\r\n", status: []int{409}, want: "INTEGRATION.INACTIVE"},
		{name: "two in a row", sent: "GET /v1/check-api-key HTTP/1.1\r\n" + open + "\r\n" + get + "\r\n", status: []int{200, 200}},
		{name: "a request in a body", sent: "GET /v1/check-api-key HTTP/1.1\r\n" + open + "Content-Length: " + fmt.Sprint(len(get)+2) + "\r\n\r\n" + get + "\r\n" + get + "\r\n", status: []int{200, 200}},

		{name: "length and chunks", sent: post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", status: []int{400}, want: "switched off"},
		{name: "chunks", sent: post + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", status: []int{400}, want: "switched off"},
		{name: "broken chunks", sent: post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", status: []int{400}, want: "body: broke off or was sent wrongly"},
		{name: "huge chunk", sent: post + "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n{}\r\n", status: []int{400}, want: "body: broke off"},
		{name: "chunks that end early", sent: post + "Transfer-Encoding: chunked\r\n\r\n5\r\n{}", status: []int{400}, want: "body: broke off", cut: true},
		{name: "chunks beyond the bound", sent: post + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("2000\r\n"+strings.Repeat(" ", 0x2000)+"\r\n", 400), status: []int{413}, want: "body: must have at most"},
		{name: "body that ends early", sent: post + "Content-Length: 100\r\n\r\n{}", status: []int{400}, want: "body: broke off", cut: true},
		{name: "body of terabytes", sent: post + "Content-Length: 9000000000000\r\n\r\n{}", status: []int{413}, want: "body: must have at most 1048576 bytes"},
		{name: "body of terabytes, asked for first", sent: post + "Expect: 100-continue\r\nContent-Length: 9000000000000\r\n\r\n", status: []int{413}, want: "body: must have at most"},
		{name: "body without a key", sent: "POST /v1/force-sync HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9000000000000\r\n\r\n{", status: []int{401}, want: "carries no API key"},
		{name: "body without a length", sent: post + "\r\n{}", status: []int{400}, want: "switched off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := talk(t, addr, c.sent, c.cut)
			var status []int
			for _, a := range all {
				status = append(status, a.StatusCode)
			}
			if diff := cmp.Diff(c.status, status); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			if len(all) == 0 {
				return
			}
			first := all[0]
			if !strings.Contains(first.body, c.want) || len(first.body) > longError || strings.Contains(first.body, "traffit:") {
				t.Errorf("answered %s", first.body)
			}
			if c.plain {
				return
			}
			target := strings.Fields(c.sent)[1]
			if strings.HasPrefix(target, "/v1/") && strings.IndexByte(target, 0xff) < 0 && !strings.Contains(target, "#") {
				j.check(t, httptest.NewRequest(strings.Fields(c.sent)[0], target, nil), first.Response, first.body)
			} else if first.StatusCode != 200 && first.Header.Get("Content-Type") != "application/json" {
				t.Errorf("content type %q", first.Header.Get("Content-Type"))
			}
		})
	}
}

// drip sends a beginning and then one byte after the other, until the server has had enough.
func drip(t *testing.T, addr, beginning string) []answered {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.WriteString(c, beginning)
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			select {
			case <-tick.C:
			case <-over:
				tick.Stop()
				return
			}
			_, _ = io.WriteString(c, " ")
		}
	}()
	all := answers(t, c)
	close(over)
	<-ended
	return all
}

// TestSlowClients proves that a client cannot hold a connection by being slow: the server's bounds
// are there, and end what drips.
func TestSlowClients(t *testing.T) {
	s := app.NewServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	for name, bound := range map[string]time.Duration{"ReadHeaderTimeout": s.ReadHeaderTimeout, "ReadTimeout": s.ReadTimeout, "WriteTimeout": s.WriteTimeout, "IdleTimeout": s.IdleTimeout} {
		if bound <= 0 || bound > 5*time.Minute {
			t.Errorf("%s is %v", name, bound)
		}
	}
	b := newBench(t, func(d *api.Deps) {
		start := d.StartSync
		d.StartSync = func(ctx context.Context, i store.Integration, typ store.RunType, cause string) (store.Run, bool, error) {
			select { // longer than the body may take
			case <-ctx.Done():
				return store.Run{}, false, context.Cause(ctx)
			case <-time.After(600 * time.Millisecond):
				return start(ctx, i, typ, cause)
			}
		}
	})
	j := newJudge(b)
	addr := b.listen(func(s *http.Server) {
		s.ReadHeaderTimeout, s.ReadTimeout, s.IdleTimeout = 150*time.Millisecond, 300*time.Millisecond, 150*time.Millisecond
	})
	post := "POST /v1/force-sync HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b.key + "\r\nX-Integration-Id: " + full + "\r\n"
	t.Run("headers", func(t *testing.T) {
		if all := drip(t, addr, "GET /v1/check-api-key HTTP/1.1\r\nX-Slow:"); len(all) > 0 {
			t.Errorf("answered %d: %s", all[0].StatusCode, all[0].body)
		}
	})
	t.Run("idle", func(t *testing.T) {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		if all := answers(t, c); len(all) != 1 || all[0].StatusCode != 200 {
			t.Errorf("answered %v", all)
		}
	})
	for name, how := range map[string]string{"body": "Content-Length: 1000000\r\n\r\n{", "chunks": "Transfer-Encoding: chunked\r\n\r\nfffff\r\n{"} {
		t.Run(name, func(t *testing.T) {
			all := drip(t, addr, post+how)
			if len(all) != 1 || all[0].StatusCode != http.StatusRequestTimeout || !strings.Contains(all[0].body, "body: took too long to arrive") {
				t.Fatalf("answered %v", all)
			}
			j.check(t, httptest.NewRequest(http.MethodPost, "/v1/force-sync", nil), all[0].Response, all[0].body)
		})
	}
	t.Run("handler slower than the body may be", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/v1/force-sync", strings.NewReader(`{"type":"FULL"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+b.key)
		req.Header.Set("X-Integration-Id", full)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body := read(t, res)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("answered %d: %s", res.StatusCode, body)
		}
	})
}
