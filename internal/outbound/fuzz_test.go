package outbound

import (
	"net/http"
	"testing"
	"time"
)

// FuzzRetryAfter: a wait is never negative, and a number of seconds is that many.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"0", "7", "-5", " 3 ", "1e3", "99999999999", "2147483647", "Sun, 31 May 2026 08:30:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Sunday, 31-May-26 08:30:00 GMT", "\x00", "+5"} {
		f.Add(s, int64(1780216200))
	}
	f.Fuzz(func(t *testing.T, text string, now int64) {
		wait, ok := RetryAfter(http.Header{"Retry-After": {text}}, time.Unix(now, 0))
		if wait < 0 || !ok && wait != 0 {
			t.Errorf("%q gave %v, %v", text, wait, ok)
		}
		if again, _ := RetryAfter(http.Header{"Retry-After": {" " + text + "\t"}}, time.Unix(now, 0)); again != wait {
			t.Errorf("%q gave %v, with blanks around it %v", text, wait, again)
		}
	})
}
