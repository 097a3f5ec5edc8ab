package app

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/outbound"
)

// What is not to be sent any more when its turn comes stays here, and is known not to have been sent.
func TestRequestsThatAreNotWantedAnyMore(t *testing.T) {
	arrived := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived++ }))
	defer server.Close()
	w := wire{newTenants(Config{Now: time.Now}, nil, nil, nil)}
	defer w.transport.CloseIdleConnections()
	gone := errors.New("another's by now")
	for _, ask := range []func() error{nil, func() error { return nil }, func() error { return gone }} {
		req, err := http.NewRequestWithContext(outbound.AskLate(t.Context(), ask), http.MethodPost, server.URL, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := w.RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
			continue
		}
		if _, unsent := errors.AsType[*outbound.UnsentError](err); !unsent || !errors.Is(err, gone) {
			t.Errorf("kept back with %v", err)
		}
	}
	if arrived != 2 {
		t.Errorf("%d of 3 requests arrived, want 2", arrived)
	}
}
