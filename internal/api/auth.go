package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
)

// authenticated lets only requests with a valid API key through to /v1.
func (s *server) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !versioned(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		key, err := s.recognise(r.Context(), r.Header.Get("Authorization"))
		if err != nil {
			f := s.fail(r.Context(), general, err)
			if f.http == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", "Bearer")
			}
			write(w, f)
			return
		}
		infoOf(r.Context()).key = key.ID
		next.ServeHTTP(w, r)
	})
}

// recognise looks the key of an Authorization header up. A malformed header takes the same way as
// a wrong key, so that both take the same time.
func (s *server) recognise(ctx context.Context, header string) (store.APIKey, error) {
	const scheme = "bearer "
	secret := ""
	if len(header) > len(scheme) && strings.EqualFold(header[:len(scheme)], scheme) {
		secret = strings.TrimSpace(header[len(scheme):])
	}
	key, err := s.Store.KeyByPlain(ctx, secret)
	switch {
	case errors.Is(err, store.ErrNotFound) && header == "":
		return store.APIKey{}, ats.Errorf(ats.Unauthenticated, "The request carries no API key. Send it as `Authorization: Bearer <key>`; `kladka keys create NAME` makes one.")
	case errors.Is(err, store.ErrNotFound) || (err == nil && secret == ""):
		return store.APIKey{}, ats.Errorf(ats.Unauthenticated, "The API key is unknown or was revoked. Send it as `Authorization: Bearer <key>`; `kladka keys create NAME` makes one.")
	case err != nil:
		return store.APIKey{}, fmt.Errorf("look up the API key: %w", err)
	}
	return key, nil
}

// limited bounds the requests per key and minute, and says in every answer how many are left.
func (s *server) limited(next http.Handler) http.Handler {
	if s.RPM <= 0 {
		return next
	}
	limiter := &limiter{limit: s.RPM, used: map[string]int{}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !versioned(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		left, reset := limiter.take(infoOf(r.Context()).key, s.Now())
		seconds := strconv.Itoa(int((reset + time.Second - 1) / time.Second))
		h := w.Header()
		h.Set("ratelimit-limit", strconv.Itoa(s.RPM))
		h.Set("ratelimit-remaining", strconv.Itoa(max(left, 0)))
		h.Set("ratelimit-reset", seconds)
		if left < 0 {
			h.Set("Retry-After", seconds)
			write(w, newFailure(ats.RateLimited, fmt.Sprintf("More than %d requests in a minute with this key. Wait %s seconds; KLADKA_API_RPM changes the limit.", s.RPM, seconds)))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// limiter counts requests per key in whole minutes. It lives in this process: several processes
// behind one address allow as many times the limit.
type limiter struct {
	limit  int
	mu     sync.Mutex
	minute time.Time
	used   map[string]int
}

// take counts a request. A negative left means that there are none.
func (l *limiter) take(key string, now time.Time) (left int, reset time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if minute := now.Truncate(time.Minute); !minute.Equal(l.minute) {
		l.minute = minute
		clear(l.used)
	}
	l.used[key]++
	return l.limit - l.used[key], l.minute.Add(time.Minute).Sub(now)
}
