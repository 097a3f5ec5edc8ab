package sandbox

import (
	"net/http"
	"strconv"
)

// json answers with a body that is marshalled outside of all locks.
func (c *call) json(status int, body any) {
	if c.spoil == pageInstead {
		c.placeholder()
		return
	}
	raw := appendJSON(make([]byte, 0, 4096), body)
	length := len(raw)
	switch c.spoil {
	case cutShort:
		raw = raw[:len(raw)/2]
	case cutText:
		raw = raw[:len(raw)/2]
		status, length = http.StatusOK, len(raw)
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.Header().Set("Content-Length", strconv.Itoa(length))
	c.w.WriteHeader(status)
	_, _ = c.w.Write(raw) // the client's loss
	if c.spoil == cutShort {
		_ = http.NewResponseController(c.w).Flush() // else nothing of it would arrive
		panic(http.ErrAbortHandler)
	}
}

func (c *call) html(status int, body string) {
	c.w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	c.w.WriteHeader(status)
	_, _ = c.w.Write([]byte(body))
}

func (c *call) text(status int, body string) {
	c.w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	c.w.WriteHeader(status)
	_, _ = c.w.Write([]byte(body))
}

// notATenant is what any host below the vendor's domain answers that is no
// tenant: no JSON (seen).
func notATenant(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write([]byte("<!DOCTYPE html><html><head><title>503</title></head><body><h1>Service Unavailable</h1></body></html>"))
}

// placeholder is the other page for what is no tenant: it comes with a 200 (seen).
func (c *call) placeholder() {
	c.html(http.StatusOK, "<!DOCTYPE html><html><head><title>Traffit</title></head><body></body></html>")
}

// error answers an error of the API.
func (c *call) error(status int) { c.problem(status, http.StatusText(status)) }

// gone answers for a record that does not exist.
func (c *call) gone() { c.error(c.goneStatus()) }

func (c *call) goneStatus() int { return number(c.s.text("gone.status")) }

// problem answers an error in one of the shapes it might have: which one is a guess.
func (c *call) problem(status int, message string) {
	switch c.s.text("error.shape") {
	case "message":
		c.json(status, Row{{"message", message}})
	case "error":
		c.json(status, Row{{"error", message}})
	case "symfony":
		c.json(status, Row{{"code", status}, {"message", "Validation Failed"}, {"errors", Row{{"errors", []string{message}}, {"children", Row{}}}}})
	case "html":
		c.html(status, errorPage(message))
	default:
		c.json(status, Row{{"code", status}, {"message", message}})
	}
}

// oauthError answers an error of the token endpoint: by default in the form of a
// common PHP library, whose 40-hex tokens the vendor's look like (guess).
func (c *call) oauthError(status int, code, description string) {
	switch c.s.text("oauth.error") {
	case "message":
		c.json(status, Row{{"message", description}})
	case "html":
		c.html(status, errorPage(description))
	default:
		c.json(status, Row{{"error", code}, {"error_description", description}})
	}
}

// denied answers a request whose token does not do: as OAuth has it, unless
// errors have another shape.
func (c *call) denied(status int, code, description string) {
	if !c.s.on("error.shape", "code") {
		c.problem(status, description)
		return
	}
	c.json(status, Row{{"error", code}, {"error_description", description}})
}

func errorPage(message string) string {
	return "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>" + escapeHTML(message) + "</h1></body></html>"
}

// number reads a status that a switch chose.
func number(text string) int {
	n, _ := strconv.Atoi(text) // the kind of the switch lists its values
	return n
}
