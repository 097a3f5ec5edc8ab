package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Listen opens an address for a server, with an error that says what to do.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	if err := CheckAddr(addr); err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, &ConfigError{Setting: "KLADKA_ADDR", Message: fmt.Sprintf("another program listens on %s; stop it or choose another address with --addr", addr), Err: syscall.EADDRINUSE}
	case errors.Is(err, syscall.EACCES):
		return nil, &ConfigError{Setting: "KLADKA_ADDR", Message: fmt.Sprintf("you may not listen on %s; ports below 1024 need privileges, so choose another with --addr", addr), Err: syscall.EACCES}
	case err != nil:
		return nil, &ConfigError{Setting: "KLADKA_ADDR", Message: fmt.Sprintf("cannot listen on %s; choose another address with --addr", addr), Err: err}
	}
	return l, nil
}

// The bounds of a server. A slow client must not hold a connection for ever.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute
	writeTimeout      = 2 * time.Minute
	idleTimeout       = 2 * time.Minute
	drainTime         = 10 * time.Second
	// drainActions is less: who waits for an action that is cut off shall still be told.
	drainActions = drainTime - 2*time.Second
)

// NewServer makes the server that clients reach, with its bounds.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: 64 << 10,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// ServeHTTP answers on a listener until the context ends, then lets running requests finish for
// a while.
func ServeHTTP(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	server := NewServer(h, log)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	err := server.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		log.WarnContext(ctx, "some requests were still running and were cut off")
		err = server.Close()
	}
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
