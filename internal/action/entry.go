package action

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
)

// Entry is what a row of the journal tells people.
type Entry struct {
	CandidateID, ApplicationID string // the ATS's IDs
	Warnings                   []string
	// Code and Message are set when it failed.
	Code    ats.Code
	Message string
	Effects []EntryEffect // by name
}

// EntryEffect is one request of an action.
type EntryEffect struct {
	Name     string
	State    string // sending: it is not known what became of it; done; empty: it had none
	RemoteID string
	Existed  bool // it was there before anything was sent for it
	Sent     int  // how often
}

// Read tells what a row of the journal holds.
func Read(row store.Action) (Entry, error) {
	var r recorded
	if err := json.Unmarshal(row.Answer, &r); err != nil {
		return Entry{}, fmt.Errorf("read the answer of action %s: %w", row.ID, err)
	}
	effects := map[string]effect{}
	if err := json.Unmarshal(row.Effects, &effects); err != nil {
		return Entry{}, fmt.Errorf("read the effects of action %s: %w", row.ID, err)
	}
	e := Entry{CandidateID: r.CandidateID, ApplicationID: r.ApplicationID, Warnings: r.Warnings, Code: r.Code, Message: r.Message}
	for _, name := range slices.Sorted(maps.Keys(effects)) {
		known := effects[name]
		e.Effects = append(e.Effects, EntryEffect{name, string(known.State), known.RemoteID, known.Existed, known.Sent})
	}
	return e, nil
}
