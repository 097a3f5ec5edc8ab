package outbound

import "context"

type lateKey struct{}

// AskLate makes a context whose requests ask at the last moment before they are sent, after they have
// waited for a token and a turn: somebody else may have taken over what they are for, while the
// process was stopped for instance. An error keeps a request back.
// Nil asks for nothing, for work that outlives what a context was made for.
func AskLate(ctx context.Context, ask func() error) context.Context {
	return context.WithValue(ctx, lateKey{}, ask)
}

// StillWanted asks what the context's maker wanted to be asked before a request is sent; an *UnsentError keeps
// it back. Whatever hands requests to the network asks it.
func StillWanted(ctx context.Context) error {
	ask, _ := ctx.Value(lateKey{}).(func() error)
	if ask == nil {
		return nil
	}
	if err := ask(); err != nil {
		return &UnsentError{Err: err}
	}
	return nil
}
