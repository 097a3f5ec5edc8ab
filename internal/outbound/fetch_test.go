package outbound

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// names is a name server: what each look-up of a name is answered with, the last answer again and
// again. A name that is not in it has the loopback addresses, which is what system libraries make of
// the many spellings of 127.0.0.1.
type names struct {
	mu      sync.Mutex
	answers map[string][]string
	asked   map[string]int
}

// resolver makes a resolver that asks it.
func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go n.serve(theirs)
		return ours, nil
	}}
}

func (n *names) serve(conn net.Conn) {
	defer conn.Close()
	for {
		var size uint16
		if binary.Read(conn, binary.BigEndian, &size) != nil {
			return
		}
		query := make([]byte, size)
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		answer := n.answer(query)
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// answer answers a query of one question, of type A or AAAA.
func (n *names) answer(query []byte) []byte {
	const header = 12
	var labels []string
	at := header
	for ; query[at] != 0; at += int(query[at]) + 1 {
		labels = append(labels, string(query[at+1:at+1+int(query[at])]))
	}
	at++
	six := binary.BigEndian.Uint16(query[at:]) == 28
	question := query[header : at+4]

	out := append([]byte{}, query[:2]...)
	out = append(out, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0)
	out = append(out, question...)
	for _, addr := range n.lookUp(strings.ToLower(strings.Join(labels, ".")), six) {
		if addr.Is6() != six {
			continue
		}
		out[7]++
		out = append(out, 0xc0, header, 0, question[len(question)-3], 0, 1, 0, 0, 0, 0, 0, byte(addr.BitLen()/8))
		out = append(out, addr.AsSlice()...)
	}
	return out
}

func (n *names) lookUp(name string, six bool) []netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	answers, ok := n.answers[name]
	if !ok {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()}
	}
	if n.asked == nil {
		n.asked = map[string]int{}
	}
	now := min(n.asked[name], len(answers)-1)
	if !six { // each look-up has both questions
		n.asked[name]++
	}
	var addrs []netip.Addr
	for _, text := range strings.Fields(answers[now]) {
		addrs = append(addrs, netip.MustParseAddr(text))
	}
	return addrs
}

// trap listens on both loopback addresses, on a port that it gives. Nobody may come.
func trap(t *testing.T) (port string) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port = fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
	listeners := []net.Listener{listener}
	if six, err := net.Listen("tcp6", "[::1]:"+port); err == nil {
		listeners = append(listeners, six)
	}
	var wg sync.WaitGroup
	for _, l := range listeners {
		wg.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				t.Errorf("somebody came to %s", conn.LocalAddr())
				_ = conn.Close()
			}
		})
	}
	t.Cleanup(func() {
		for _, l := range listeners {
			_ = l.Close()
		}
		wg.Wait()
	})
	return port
}

// reach makes a fetcher for which public.example is a server, although that is a local one.
func reach(t *testing.T, n *names, server *httptest.Server) Fetcher {
	t.Helper()
	f := Fetcher{Guard: Guard{Resolver: n.resolver()}, Spool: newSpool(t), Within: 20 * time.Second}
	f.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, _, _ := net.SplitHostPort(address); host == "public.example" {
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		}
		return f.Guard.DialContext(ctx, network, address)
	}
	return f
}

// hostile are addresses behind which there is a trap, or would be; %s is its port.
var hostile = []string{
	// Loopback as IPv4.
	"http://127.0.0.1:%s/", "http://127.1:%s/", "http://127.0.1:%s/", "http://127.255.255.254:%s/", "http://2130706433:%s/",
	"http://017700000001:%s/", "http://0x7f000001:%s/", "http://0177.0.0.1:%s/", "http://0x7f.0.0.1:%s/", "http://0x7F.1:%s/",
	"http://127.0.0.01:%s/", "http://00000177.0.0.0x1:%s/", "http://4294967296:%s/", "http://127.0.0.1.:%s/",
	// Loopback as IPv6.
	"http://[::1]:%s/", "http://[0:0:0:0:0:0:0:1]:%s/", "http://[::ffff:127.0.0.1]:%s/", "http://[::ffff:7f00:1]:%s/",
	"http://[::127.0.0.1]:%s/", "http://[::ffff:0:127.0.0.1]:%s/", "http://[64:ff9b::7f00:1]:%s/", "http://[64:ff9b:1::7f00:1]:%s/",
	"http://[2002:7f00:1::]:%s/", "http://[2001:0:53aa:64c:0:0:80ff:fffe]:%s/", "http://[::1%%25lo]:%s/", "http://[::]:%s/",
	// Loopback by name.
	"http://localhost:%s/", "http://LOCALHOST:%s/", "http://localhost.:%s/", "http://sub.localhost:%s/", "http://localtest.example:%s/",
	"http://127.0.0.1.nip.example:%s/", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:%s/", "http://ｌocalhost:%s/", "http://locаlhost:%s/", // the last with a Cyrillic а
	"http://①②⑦.⓪.⓪.①:%s/", "http://127。0。0。1:%s/", "http://127．0．0．1:%s/", "http://１２７.0.0.1:%s/", "http://٠.٠.٠.٠:%s/",
	// Metadata services.
	"http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/", "http://0251.0376.0251.0376/",
	"http://[::ffff:169.254.169.254]/", "http://[64:ff9b::a9fe:a9fe]/", "http://[2002:a9fe:a9fe::1]/", "http://[fd00:ec2::254]/",
	"http://[fd20:ce::254]/", "http://[fe80::a9fe:a9fe]/", "http://[fe80::a9fe:a9fe%%25eth0]/", "http://100.100.100.200/",
	"http://168.63.129.16/", "http://192.0.0.192/", "http://metadata.google.internal/computeMetadata/v1/", "http://metadata.google.internal./", "http://metadata6.example/",
	"http://instance-data/latest/meta-data/",
	// Other ranges.
	"http://0.0.0.0:%s/", "http://0:%s/", "http://0.1.2.3/", "http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1/", "http://100.64.0.1/",
	"http://255.255.255.255/", "http://224.0.0.1/", "http://240.0.0.1/", "http://198.18.0.1/", "http://192.0.2.1/", "http://[fc00::1]/", "http://[fd12::1]/",
	"http://[fe80::1]/", "http://[ff02::1]/", "http://[fec0::1]/", "http://[2001:db8::1]/", "http://[100::1]/", "http://[5f00::1]/",
	"http://private.example/", "http://both.example:%s/", "http://many.example:%s/",
	// Readers that understand it differently.
	"http://good.example@127.0.0.1:%s/", "http://good.example:80@127.0.0.1:%s/", "http://@127.0.0.1:%s/", "http://:@127.0.0.1:%s/",
	`http://good.example\@127.0.0.1:%s/`, `http://127.0.0.1:%s\@good.example/`, `http:\\127.0.0.1:%s\`, `http:/\127.0.0.1:%s/`, "http://good.example%%2f@127.0.0.1:%s/",
	"http://127.0.0.1:%s#@good.example/", "http://127.0.0.1:%s?@good.example/", "http://127.0.0.1%%09:%s/", "http://127.0.0.1%%00.good.example:%s/",
	"http://127.0.0.1\t:%s/", "http://127.0.0.1\n:%s/", "\thttp://127.0.0.1:%s/", "http://127.0.0.1:%s/\r\nX: y", "http://127.0.0.1:%s/\x00", " http://127.0.0.1:%s/",
	"http://%%31%%32%%37.0.0.1:%s/", "http://[127.0.0.1]:%s/", "http://[::1:%s/", "http://127.0.0.1 :%s/", "http://127.0.0.1;good.example:%s/", "http://127.0.0.1,good.example:%s/",
	"http:127.0.0.1:%s/", "http:///127.0.0.1:%s/", "//127.0.0.1:%s/", "127.0.0.1:%s", "http://:%s/", "http://", "http:", "", "/",
	"http://127.0.0.1:0/", "http://127.0.0.1:65536/", "http://127.0.0.1:-1/", "http://127.0.0.1:http/",
	// Other schemes.
	"file:///etc/passwd", "file://127.0.0.1:%s/etc/passwd", "gopher://127.0.0.1:%s/_x", "ftp://127.0.0.1:%s/", "dict://127.0.0.1:%s/", "ldap://127.0.0.1:%s/",
	"data:text/plain,hello", "javascript:alert(1)", "jar:http://127.0.0.1:%s!/", "unix:///var/run/docker.sock", "ws://127.0.0.1:%s/",
}

func hostileNames() *names {
	return &names{answers: map[string][]string{
		"metadata.google.internal": {"169.254.169.254"}, "metadata6.example": {"fd20:ce::254 fd00:ec2::254"}, "instance-data": {"169.254.169.254"},
		"2852039166": {"169.254.169.254"}, "0xa9fea9fe": {"169.254.169.254"}, "0251.0376.0251.0376": {"169.254.169.254"},
		"private.example": {"10.0.0.1 192.168.0.1 fd12::1"}, "both.example": {"127.0.0.1 ::1"}, "many.example": {"169.254.169.254 10.0.0.1 127.0.0.1 ::1 fe80::1"},
	}}
}

func fill(address, port string) string {
	if !strings.Contains(address, "%s") {
		return strings.ReplaceAll(address, "%%", "%")
	}
	return fmt.Sprintf(address, port)
}

func TestHostileAddresses(t *testing.T) {
	port := trap(t)
	f := Fetcher{Guard: Guard{Resolver: hostileNames().resolver()}, Spool: newSpool(t), Within: 20 * time.Second}
	for _, address := range hostile {
		address = fill(address, port)
		_, err := f.Fetch(t.Context(), address, 100)
		if _, ok := errors.AsType[*FetchError](err); !ok {
			t.Errorf("%q: %v", address, err)
		} else if strings.Contains(address, ".example") && strings.Contains(err.Error(), "10.0.0.1") {
			t.Errorf("%q: the error tells what the name resolves to: %v", address, err)
		}
	}
	t.Logf("%d addresses", len(hostile))
}

// A good address that redirects is as good as where it leads.
func TestHostileRedirects(t *testing.T) {
	port := trap(t)
	var to atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusFound
		if r.URL.Path == "/307" {
			status = http.StatusTemporaryRedirect
		}
		w.Header().Set("Location", to.Load().(string))
		w.WriteHeader(status)
	}))
	defer server.Close()
	f := reach(t, hostileNames(), server)
	tried := 0
	for _, address := range hostile {
		address = fill(address, port)
		if strings.ContainsAny(address, "\r\n\x00\t") || address == "" || strings.TrimSpace(address) != address || strings.HasPrefix(address, "http:") && !strings.HasPrefix(address, "http://") {
			continue // a header cannot hold it, or it is relative
		}
		if address == "/" {
			address = "/loop"
		}
		to.Store(address)
		for _, from := range []string{"http://public.example/302", "http://public.example/307"} {
			tried++
			_, err := f.Fetch(t.Context(), from, 100)
			if got, ok := errors.AsType[*FetchError](err); !ok || got.Host != "public.example" {
				t.Errorf("%q: %v", address, err)
			}
		}
	}
	t.Logf("%d redirects", tried)
}

// A name may have another address at each look-up, and several at once: what counts is the one that
// is connected to.
func TestRebinding(t *testing.T) {
	content := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/again" {
			http.Redirect(w, r, "/content", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "content")
	}
	server := httptest.NewServer(http.HandlerFunc(content))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	for name, tc := range map[string]struct {
		answers []string
		path    string
		refused string
	}{
		"allowed":           {answers: []string{"127.0.0.1"}, path: "/again"},
		"changes":           {answers: []string{"127.0.0.1", "169.254.169.254"}, path: "/again", refused: "169.254.169.254"},
		"changes back":      {answers: []string{"169.254.169.254", "127.0.0.1"}, path: "/content", refused: "169.254.169.254"},
		"some are refused":  {answers: []string{"169.254.169.254 fe80::1 127.0.0.1 0.0.0.0"}, path: "/content"},
		"all are refused":   {answers: []string{"169.254.169.254 169.254.169.254"}, path: "/content", refused: "169.254.169.254"},
		"only at redirects": {answers: []string{"127.0.0.1 169.254.169.254", "fd00:ec2::254"}, path: "/again", refused: "fd00:ec2::254"},
	} {
		t.Run(name, func(t *testing.T) {
			n := &names{answers: map[string][]string{"rebind.example": tc.answers}}
			f := Fetcher{Guard: Guard{AllowPrivate: true, Resolver: n.resolver()}, Spool: newSpool(t), Within: 20 * time.Second}
			got, err := f.Fetch(t.Context(), "http://rebind.example:"+port+tc.path, 100)
			if tc.refused == "" {
				if err != nil {
					t.Fatal(err)
				}
				defer got.Close()
				return
			}
			forbidden, ok := errors.AsType[*AddressError](err)
			if !ok || forbidden.Address.String() != tc.refused {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Private networks can be admitted; what nobody may reach stays out.
func TestFetchPrivate(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "content") }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	f := Fetcher{Guard: Guard{AllowPrivate: true, Resolver: hostileNames().resolver()}, Spool: newSpool(t), Within: 20 * time.Second}
	for _, address := range []string{"http://127.0.0.1:%s/", "http://[::ffff:127.0.0.1]:%s/", "http://localhost:%s/", "http://0x7f.1:%s/", "http://both.example:%s/"} {
		got, err := f.Fetch(t.Context(), fill(address, port), 100)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		_ = got.Close()
	}
	for _, address := range hostile {
		if !strings.Contains(address, "169.254") && !strings.Contains(address, "metadata") && !strings.Contains(address, "fd00:ec2") && !strings.Contains(address, "100.100.100") &&
			!strings.Contains(address, "fd20") && !strings.Contains(address, "168.63") && !strings.Contains(address, "a9fe") && !strings.Contains(address, "0.0.0.0") {
			continue
		}
		if _, err := f.Fetch(t.Context(), fill(address, port), 100); err == nil {
			t.Errorf("%s was read", address)
		}
	}
}

func TestFetch(t *testing.T) {
	var compressed bytes.Buffer
	zip := gzip.NewWriter(&compressed)
	_, _ = zip.Write(make([]byte, 10<<20))
	_ = zip.Close()

	hits := map[string]int{}
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		hits[r.URL.Path]++
		n := hits[r.URL.Path]
		mu.Unlock()
		for _, name := range []string{"Authorization", "Cookie", "Referer"} {
			if r.Header.Get(name) != "" {
				t.Errorf("%s: %s was sent", r.URL.Path, name)
			}
		}
		if got := r.Header.Get("User-Agent") + " " + r.Header.Get("Accept-Encoding"); got != "Kladka identity" {
			t.Errorf("%s: sent as %s", r.URL.Path, got)
		}
		switch r.URL.Path {
		case "/cv.pdf":
			w.Header().Set("Content-Type", "Application/PDF; charset=x; charset")
			w.Header().Set("Set-Cookie", "a=b")
			_, _ = io.WriteString(w, "%PDF-1.7")
		case "/moved":
			w.Header().Set("Set-Cookie", "a=b; Path=/")
			http.Redirect(w, r, "/cv.pdf", http.StatusMovedPermanently)
		case "/away":
			http.Redirect(w, r, "http://public.example/cv.pdf", http.StatusSeeOther)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/nowhere":
			w.WriteHeader(http.StatusFound)
		case "/long":
			w.Header().Set("Content-Length", "101")
			_, _ = io.WriteString(w, strings.Repeat("x", 101))
		case "/endless":
			for n := 0; n < 1000; n++ {
				if _, err := io.WriteString(w, strings.Repeat("x", 1000)); err != nil {
					return
				}
			}
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(compressed.Bytes())
		case "/identity":
			w.Header().Set("Content-Encoding", "identity")
			_, _ = io.WriteString(w, "as it is")
		case "/empty":
		case "/cut", "/cut-once":
			if r.URL.Path == "/cut-once" && n > 1 {
				_, _ = io.WriteString(w, "whole")
				return
			}
			w.Header().Set("Content-Length", "50")
			_, _ = io.WriteString(w, "half")
		case "/busy":
			if n < 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			_, _ = io.WriteString(w, "at last")
		case "/headers":
			w.Header().Set("X", strings.Repeat("x", 2*maxFetchHeader))
		case "/partial":
			w.WriteHeader(http.StatusPartialContent)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	const signed = "?X-Amz-Signature=s3cret"
	for path, tc := range map[string]struct {
		want, contentType string
		says              string // of the error
		hits              int
	}{
		"/cv.pdf":   {want: "%PDF-1.7", contentType: "application/pdf"},
		"/moved":    {want: "%PDF-1.7", contentType: "application/pdf"},
		"/away":     {want: "%PDF-1.7", contentType: "application/pdf"},
		"/identity": {want: "as it is"},
		"/empty":    {want: ""},
		"/cut-once": {want: "whole", contentType: "text/plain", hits: 2},
		"/busy":     {want: "at last", contentType: "text/plain", hits: 3},
		"/loop":     {says: "it redirects more than 5 times", hits: 6},
		"/nowhere":  {says: "it answered 302"},
		"/long":     {says: "larger than 100 bytes"},
		"/endless":  {says: "larger than 100 bytes"},
		"/bomb":     {says: "compressed"},
		"/cut":      {says: "the connection broke", hits: 3},
		"/partial":  {says: "it answered 206"},
		"/gone":     {says: "it answered 404"},
		"/headers":  {says: "no proper answer"},
	} {
		t.Run(path[1:], func(t *testing.T) {
			t.Parallel()
			f := reach(t, &names{}, server)
			got, err := f.Fetch(t.Context(), "http://public.example"+path+signed, 100)
			mu.Lock()
			if n := hits[path]; n != cmp.Or(tc.hits, 1) && tc.contentType != "application/pdf" {
				t.Errorf("asked %d times", n)
			}
			mu.Unlock()
			if tc.says != "" {
				told, ok := errors.AsType[*FetchError](err)
				if !ok || !strings.Contains(err.Error(), tc.says) || told.Host != "public.example" {
					t.Fatalf("got %v", err)
				}
				for e := err; e != nil; e = errors.Unwrap(e) {
					if strings.Contains(e.Error(), "s3cret") {
						t.Errorf("the query is in %q", e)
					}
				}
				if left := f.Spool.files(t); left != nil {
					t.Errorf("left behind: %v", left)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer got.Close()
			if string(got.Head) != tc.want || got.Size != int64(len(tc.want)) || got.ContentType != tc.contentType {
				t.Errorf("got %q of %d bytes as %q", got.Head, got.Size, got.ContentType)
			}
		})
	}
}

func TestFetchStaysWithTLS(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the plain server was visited") }))
	defer plain.Close()
	server := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer server.Close()
	f := reach(t, &names{}, server)
	// The server's certificate is nobody's.
	if _, err := f.Fetch(t.Context(), "https://public.example/", 100); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate: %v", err)
	}
	f.Guard.AllowPrivate = true
	client := &http.Client{Transport: server.Client().Transport, CheckRedirect: followFetch}
	u, err := readAddress(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.attempt(t.Context(), client, u, 100); err == nil || !strings.Contains(err.Error(), "from https to http") {
		t.Errorf("from https to http: %v", err)
	}
}

func TestFetchEndsInTime(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/drip" {
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
		}
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}))
	defer server.Close()
	defer close(release)
	f := reach(t, &names{}, server)
	f.Within = 50 * time.Millisecond
	for _, path := range []string{"/silent", "/drip"} {
		_, err := f.Fetch(t.Context(), "http://public.example"+path, 100)
		if _, ok := errors.AsType[*FetchError](err); !ok || !strings.Contains(err.Error(), "within 50ms") {
			t.Errorf("%s: %v", path, err)
		}
	}
	f.Within = time.Minute
	ctx, cancel := context.WithCancelCause(t.Context())
	ours := errors.New("the process ends")
	time.AfterFunc(20*time.Millisecond, func() { cancel(ours) })
	if _, err := f.Fetch(ctx, "http://public.example/silent", 100); !errors.Is(err, ours) {
		t.Errorf("after the end: %v", err)
	}
}

// What is wrong with our own disk is no word for the client.
func TestFetchWithoutRoom(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "content") }))
	defer server.Close()
	f := reach(t, &names{}, server)
	f.Spool = &Spool{dir: f.Spool.dir + "/gone"}
	_, err := f.Fetch(t.Context(), "http://public.example/", 100)
	_, told := errors.AsType[*FetchError](err)
	if _, ours := errors.AsType[*SpoolError](err); !ours || told {
		t.Errorf("got %v", err)
	}
}

// FuzzAddress: whatever is read as an address has a host, and nothing that two readers could
// understand differently.
func FuzzAddress(f *testing.F) {
	for _, address := range hostile {
		f.Add(fill(address, "80"))
	}
	f.Add("https://good.example/cv.pdf?sig=1#x")
	f.Fuzz(func(t *testing.T, address string) {
		u, err := readAddress(address)
		if err != nil {
			if _, ok := errors.AsType[*FetchError](err); !ok {
				t.Errorf("%q: %v", address, err)
			}
			return
		}
		again, err := readAddress(u.String())
		if err != nil || again.Host != u.Host || again.Scheme != u.Scheme {
			t.Errorf("%q is %q first and then %v, %v", address, u, again, err)
		}
		if u.Hostname() == "" || u.User != nil || strings.ContainsAny(u.Host, "/\\@?# \t\r\n") {
			t.Errorf("%q has the host %q", address, u.Host)
		}
	})
}
