package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/media"
	"github.com/kladka/kladka/internal/store"
)

// Download addresses need no key: what they lead to, and how long, stands in themselves, sealed. So
// nobody else can make one, and one that strays into a log of addresses shows no file's name.

// linkLasts is how long a download address can be used.
const linkLasts = time.Hour

// linkPlace binds what is sealed to its purpose.
const linkPlace = "files|token"

// Sealer seals texts for a place, and opens what it sealed; secret.Keyring is one.
type Sealer interface {
	Seal(plain []byte, place string) string
	Open(sealed, place string) ([]byte, error)
}

// link is what a download address says.
type link struct {
	Integration string `json:"i"`
	Candidate   string `json:"c"`
	File        string `json:"f"`
	Name        string `json:"n"`
	Until       int64  `json:"u"` // milliseconds since the Unix epoch
}

// downloadURL makes an address under which a file can be downloaded for a while.
func (s *server) downloadURL(i store.Integration, candidate string, f connector.Attachment) (string, error) {
	plain, err := json.Marshal(link{i.ID, candidate, f.ID, f.Name, s.Now().Add(linkLasts).UnixMilli()})
	if err != nil {
		return "", fmt.Errorf("make a download address: %w", err)
	}
	return s.PublicURL + "/files/" + s.Links.Seal(plain, linkPlace), nil
}

// download serves the file behind a download address. Its content goes from the ATS to the client
// without being kept.
func (s *server) download(w http.ResponseWriter, r *http.Request) {
	l, content, err := s.openLink(r)
	if err != nil {
		write(w, s.fail(r.Context(), recruiting, err))
		return
	}
	defer content.Body.Close() //nolint:errcheck // it was read, or broke off, by then
	h := w.Header()
	h.Set("Content-Type", media.TypeOf(l.Name))
	h.Set("Content-Disposition", disposition(l.Name))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cache-Control", "private, no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set(gzhttp.HeaderNoCompression, "true") // most files are packed, and the length would be lost
	if content.Size >= 0 {
		h.Set("Content-Length", strconv.FormatInt(content.Size, 10))
	}
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	if _, err := io.Copy(w, content.Body); err != nil {
		infoOf(r.Context()).err = fmt.Errorf("pass a file on: %w", err)
		panic(http.ErrAbortHandler) // the client must not take what it has for the whole
	}
}

// openLink begins to read the file behind a download address.
func (s *server) openLink(r *http.Request) (link, connector.Content, error) {
	ctx := r.Context()
	var l link
	plain, err := s.Links.Open(r.PathValue("token"), linkPlace)
	if err != nil || json.Unmarshal(plain, &l) != nil {
		return l, connector.Content{}, noSuch("path.token: this is no download address that was given out here")
	}
	if s.Now().UnixMilli() >= l.Until {
		return l, connector.Content{}, gone("The download address has expired. GET the attachments again for a new one.")
	}
	i, err := s.Store.Integration(ctx, l.Integration)
	if errors.Is(err, store.ErrNotFound) || err == nil && i.Status == store.StatusInactive {
		return l, connector.Content{}, noSuch("path.token: the integration of this file was deleted or switched off")
	} else if err != nil {
		return l, connector.Content{}, fmt.Errorf("read integration %s: %w", l.Integration, err)
	}
	s.about(ctx, i)
	if err := modelOn(i, ats.Candidates); err != nil {
		return l, connector.Content{}, err
	}
	if i.Settings.OnlyCreated {
		if _, ours, err := s.look(ctx, i, ats.Candidates, remotePrefix+l.Candidate); err != nil || !ours {
			return l, connector.Content{}, cmp.Or(err, noSuch("path.token: nothing of the file's candidate is shared any more"))
		}
	}
	_, tenant, err := s.Open(ctx, i)
	if err != nil {
		return l, connector.Content{}, fmt.Errorf("open %s: %w", i.ID, err)
	}
	content, err := tenant.OpenAttachment(ctx, l.Candidate, l.File)
	if errors.Is(err, connector.ErrGone) {
		return l, connector.Content{}, noSuch("path.token: the file is not in the ATS any more")
	} else if err != nil {
		return l, connector.Content{}, fmt.Errorf("open a file: %w", fromATS(err))
	}
	return l, content, nil
}

func gone(message string) error {
	f, _ := errors.AsType[*failure](noSuch("%s", message))
	f.http = http.StatusGone
	return f
}

// disposition tells browsers to save a file under its name.
func disposition(name string) string {
	if d := mime.FormatMediaType("attachment", map[string]string{"filename": name}); d != "" {
		return d
	}
	return "attachment"
}
