// Package e2e tests Kladka from outside: whole servers, in this process or in their own, read a
// simulated TRAFFIT and act in it, and what they serve over HTTP must equal what an oracle of its own
// derives from the simulator's truth, whatever was thrown at them on the way.
//
// The short forms run with `go test ./e2e`. The long ones (thousands of candidates, dozens of
// kills, a stopped process) need -e2e.long or KLADKA_E2E_LONG=1.
package e2e
