// Package connector says what a connector offers to the rest of Kladka: how a tenant is
// read (a plan of steps whose answers are cut into parts), how parts fold into unified
// records, how something is done in a tenant (actions whose effects go through a journal),
// what is covered, and which credentials it needs.
//
// A connector knows no database and no schedule. The mirror walks its plan, keeps the
// parts, and folds them again whenever one of them changed; package action keeps the journal.
package connector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/kladka/kladka/internal/ats"
)

// Unit is one thing in the ATS, in the connector's own words: the thing whose parts fold
// together. Most units give one record (an employee gives a candidate) and its connections.
type Unit struct {
	Entity string // the connector's word: employee, recruitment, …
	ID     string // the ATS's ID, or one composed of several
}

func (u Unit) String() string { return u.Entity + "/" + u.ID }

// PartKey tells one part of a unit from the others.
type PartKey struct {
	Unit
	// Kind is where the part comes from: list, detail, tags. A part that another unit's answer
	// brings has that unit's entity as kind and its ID as Part.
	Kind string
	// Part tells several parts of one kind apart; empty where there is one.
	Part string
}

// Part is what one answer of the ATS said about one unit.
type Part struct {
	PartKey
	// Raw is the answer's JSON about this unit, with sorted keys. Nil means withdrawn: the part
	// was there and is not any more.
	Raw []byte
	// Complete is set when the answer left out things that it does not say are empty: it gives the
	// part with what is stored of them (nil for nothing), and whether that makes it whole.
	Complete func(stored []byte) (p Part, whole bool, err error)
	// Version is the ATS's own mark of change (a time stamp); details are read again when that
	// of the list moved. Empty where there is none.
	Version string
	// Rank orders the reading of details: lower first.
	Rank int64
	// ObservedAt is when the request was sent that the answer belongs to. An older observation
	// never replaces a newer one.
	ObservedAt ats.Time
}

// Cover names the parts that a listing shows completely.
type Cover struct {
	Entity, Kind string
	// Absent says what it means when a complete walk does not show a part that is stored.
	Absent Absence
	// Derived lists the entities that may hold parts brought by this entity's units; they are
	// withdrawn together with it.
	Derived []string
}

// Absence is what follows when a stored part is missing from a complete listing.
type Absence int

// What may follow from an absence.
const (
	// Keep: nothing follows.
	Keep Absence = iota
	// Withdraw: the part is gone; the listing is proof enough.
	Withdraw
	// Nominate: the unit may be gone; a direct read has to confirm it.
	Nominate
)

// Step is one step of a plan. Exactly one of List, Each and Fields is set.
type Step struct {
	Name string
	// Loads lists the models that need this step: a model is readable once all steps that load it
	// have been completed for the first time.
	Loads []ats.Model
	// Improves lists the models that this step adds to. They wait for its end, but are readable
	// also when it failed.
	Improves []ats.Model
	// Background steps belong to the run but not to the setup: readiness does not wait for them.
	Background bool

	List   *List
	Each   *Each
	Fields func(ctx context.Context) ([]Field, error)
}

// List is a step that walks a paged listing.
type List struct {
	Covers []Cover // the first one has exactly one part a row, by which rows are told apart
	// Public listings need no permission; that one answers says nothing about the others.
	Public bool
	// Page reads page n, from 1. A page beyond the end is not an error.
	Page func(ctx context.Context, n int) (Page, error)
}

// Page is one page of a listing.
type Page struct {
	// Total is the number of rows that the ATS declares for the whole listing, Pages that of
	// pages, Size the page size really applied.
	Total, Pages, Size int
	// Lost holds the numbers, from 1, of rows that the ATS could not answer.
	Lost []int
	// Body is the answer as it came; when its hash equals the last run's, Rows is not called.
	Body []byte
	// Rows decodes the body.
	Rows func() ([]Row, error)
}

// Row is one row of a page: the parts that it brings. The first belongs to the listing's first Cover.
type Row struct {
	Parts []Part
	// Key tells rows apart in a listing without covers, where they may bring nothing.
	Key string
}

// Each is a step that reads something of every unit that has a part of a kind, when it was
// never read, when the version moved, or when what is stored is too old.
type Each struct {
	Of    Cover  // the parts whose units are read; Absent is not used
	Reads string // the kind of the part that Fetch brings for the unit itself
	// Fetch reads one unit. It gives every part that the answer brings, the unit's own first.
	// ErrGone means that the ATS says it does not exist.
	Fetch func(ctx context.Context, u Unit) ([]Part, error)
	// Brings lists the parts of other units that the answer holds completely: those stored with
	// Kind = Of.Entity and Part = the unit's ID that are missing from it are withdrawn.
	Brings []Cover
	// MaxRank leaves out units of a higher rank; MaxAge says when a part is read again although
	// nothing announced a change (0: never).
	MaxRank int64
	MaxAge  func(rank int64) time.Duration
}

// Confirm proves that nominated units of an entity are gone.
type Confirm struct {
	Model ats.Model // the model that the units give
	// Group names what one request answers for: units of one group are asked together.
	Group func(u Unit) string
	// Present tells for each unit whether the ATS still has it. An answer that is no proof
	// (no JSON, a missing scope, a server error) is an error.
	Present func(ctx context.Context, group string, units []Unit) ([]bool, error)
	// Control says whether Present must also be asked about a living unit of the same entity, so
	// that a withdrawn permission or a broken address is not taken for a deletion.
	Control bool
	// Cascades lists what goes with the unit.
	Cascades []Cascade
}

// Cascade says that the units behind Model's records whose Column points to the gone record go too.
type Cascade struct {
	Model  ats.Model
	Column string // candidate_id, job_id
	Entity string // the unit's entity; its ID is the record's remote ID
}

// Field is a vendor's field that an operator may pass through or map.
type Field struct {
	Model ats.Model
	Key   string
	Type  string // DEFAULT or CUSTOM
	Label string // empty for none
}

// FieldSettings says which vendor fields reach integration_fields and custom_fields.
type FieldSettings struct {
	// Passthrough holds the fields that are on, by model, in the order in which they are served.
	Passthrough map[ats.Model][]PassthroughField
	// Custom maps the operator's keys to vendor keys, by model.
	Custom map[ats.Model]map[string]string
	// Remapped holds the vendor fields from which a unified field takes its value instead of the usual
	// ones, by model and field: the first that has one.
	Remapped map[ats.Model]map[string][]string
}

// PassthroughField is a vendor field that is on.
type PassthroughField struct {
	ID, Key, Type string
	Label         *string
}

// FoldInput is all that a fold may look at.
type FoldInput struct {
	Unit  Unit
	Parts []Part // the unit's living parts, by kind and part
	// Others holds the living parts of the units that Needs named; without Raw where only their
	// existence was asked for.
	Others map[Unit][]Part
	IDs    ats.Namespace
	Fields FieldSettings
}

// Need is another unit that a fold looks at.
type Need struct {
	Unit Unit
	// Exists, when set, says that only its existence matters: whether it has a living part of this
	// kind. Such a unit is watched only while it is missing; what follows from its end is the
	// confirmation's business.
	Exists string
}

// Set is the complete set of records of one model that a unit gives: stored ones that are
// missing from it are gone.
type Set struct {
	Model ats.Model
	// Column and Owner say which stored records belong to the unit: those whose Column holds
	// Owner. With an empty Column, the one whose remote ID is the unit's ID.
	Column, Owner string
	Records       []ats.Entity
}

// Fold is the outcome of a fold. Models that are not named stay as they are.
type Fold struct {
	Sets []Set
	// Fields are vendor fields that the parts hold and that the schema did not name.
	Fields []Field
}

// Connector is one ATS product.
type Connector interface {
	Tool() Tool
	// Credentials lists what a connection needs.
	Credentials() []Credential
	// Connect prepares access to one tenant; nothing is sent yet.
	Connect(Config) (Tenant, error)
	// Revision changes whenever the same parts would fold into different records.
	Revision() string
	// Needs names the units that the fold of u will look at. It must not depend on anything else
	// than its arguments.
	Needs(u Unit, parts []Part) []Need
	// UnitOf names the unit whose parts are the raw data of a record; false where there is none.
	UnitOf(m ats.Model, remoteID string) (Unit, bool)
	// Endpoint is the path under which a part stands in a record's remote_data, and whether a unit
	// has several parts under it. A part with an empty path is not served.
	Endpoint(k PartKey) (path string, several bool)
	// Mentions names the records that a request to a path, or its answer, is about.
	Mentions(path string, body []byte) []Mention
	// Keep gives what may be stored of a part, nil for nothing: its raw JSON without the keys that only
	// serve what scopes switch off, and those of which nobody knows what they serve. Rows that tell
	// whether others exist keep their ID. Under whole scopes it is not called.
	Keep(k PartKey, raw []byte, s ats.Scopes) ([]byte, error)
	// About names whom a part is about, by remote IDs: a candidate, and where it is about one
	// application, that. Both are empty for parts about neither.
	About(p Part) (candidate, application string)
	// Permissions lists what the credentials must allow for what scopes allow, the indispensable first.
	Permissions(s ats.Scopes) []Permission
	// Guide tells how an administrator makes credentials, in one of Languages.
	Guide(language string, s ats.Scopes) Guide
	// Explain finds out what is wrong with a connection whose Connect or Check failed.
	Explain(err error) Problem
	// Fold makes the unified records of a unit. It is a pure function of its input: parts that
	// are missing were never read, which clears nothing.
	Fold(FoldInput) (Fold, error)
}

// Tenant is one customer's account in an ATS. Its methods are safe for concurrent use.
type Tenant interface {
	Actor
	// Check verifies the credentials and tells for each permission that the scopes need whether it is
	// granted. After each thing that it tried it calls watch, unless that is nil, with the report so
	// far: what is still to be tried stands in it as Pending.
	Check(ctx context.Context, watch func(CheckReport)) (CheckReport, error)
	// Plan lists the steps of a full sync in their order.
	Plan() []Step
	// Confirms says, by entity, how nominated units are confirmed gone.
	Confirms() map[string]Confirm
	// Probe finds out which variants of the tool's details hold here, by reads alone. Each answer
	// that it looked at goes to save, unless that is nil, stripped of what could be personal.
	Probe(ctx context.Context, save func(name string, sample []byte) error) ([]Finding, error)
}

// Config is what a tenant is opened with.
type Config struct {
	Credentials map[string]string
	// Transport sends the requests. It waits for the tenant's request budget, by the lane in the
	// request's context.
	Transport http.RoundTripper
	Now       func() time.Time
	Log       *slog.Logger
	// Confirmed holds what a probe of this tenant found: the variant by detail. What is not in it
	// is not known.
	Confirmed map[string]string
	// FileLabels are the tenant's words for types of files, where they are not the usual ones.
	FileLabels map[FileType]string
	// Scopes is what is read; steps and permissions that serve nothing else are left out.
	Scopes ats.Scopes
}

// AccountCredential is the key that all connectors give the credential that names the account.
const AccountCredential = "tenant"

// Credential describes one thing that the customer has to give.
type Credential struct {
	Key, Label string
	Secret     bool
}

// CheckReport is what Check found.
type CheckReport struct {
	Scopes []ScopeCheck
	// Endpoints holds every kind of address that a sync reads and that could be tried: not those of
	// missing scopes, nor those below a record when there is none.
	Endpoints []EndpointCheck
}

// ScopeCheck is one permission, what it is needed for, and whether it is granted.
type ScopeCheck struct {
	Scope   string
	Needed  string // what stops working without it
	Granted bool
	Pending bool   // not tried yet
	Problem string // empty when granted
}

// EndpointCheck is one kind of address, and how it answered.
type EndpointCheck struct {
	Path   string // with {id} in place of a record's ID
	Scope  string // empty for public ones
	Needed string // what stops working without it
	Status int    // 0: no answer
	// Took is from the sending of the last request to the end of its answer; waiting for the request
	// budget does not count.
	Took    time.Duration
	Pending bool   // not tried yet
	Problem string // empty when the answer was one
}

// Finding is what a probe found out about a detail.
type Finding struct {
	Detail  string
	Variant string // empty: undecided
	Note    string // what was seen, or why it could not be decided; nothing personal
}

// Coverage tells whether something is supported: the contract's four words.
type Coverage string

// The contract's coverage statuses. CoverageUnknown marks what rests on an unconfirmed detail.
const (
	Supported       Coverage = "SUPPORTED"
	Unsupported     Coverage = "UNSUPPORTED"
	NotImplemented  Coverage = "NOT_IMPLEMENTED"
	CoverageUnknown Coverage = "UNKNOWN"
)

// Tool describes a connector to clients.
type Tool struct {
	Slug, Label string
	Models      []ModelCoverage
	Actions     []ActionCoverage
	Features    []FeatureCoverage
	// Passthrough names the APIs that passthrough reaches.
	Passthrough []string
	// Remappable lists the fields that can take their value from other vendor fields than usual, by model.
	Remappable map[ats.Model][]string
	// Details are the wire details that the connector had to assume.
	Details []Detail
}

// Detail is a detail of the ATS's wire format that nobody has confirmed. The connector accepts
// all of its variants; a probe finds out which one a tenant has.
type Detail struct {
	ID       string
	Evidence Evidence
	About    string    // the question that is open
	Variants []Variant // the assumed one first
	// Depends lists what rests on it, as model or action (with all of their fields) or model.field or
	// action.field: its coverage is UNKNOWN until a variant is confirmed.
	Depends []string
}

// Variant is one possible answer to a detail's question.
type Variant struct {
	Name, About string
	// Without means that what depends on the detail does not exist under this variant.
	Without bool
}

// Evidence says how a detail is known.
type Evidence string

// What a detail may rest on, the weakest last.
const (
	SeenOnce  Evidence = "seen"  // observed on one real tenant; others may differ
	Retold    Evidence = "told"  // somebody's summary of the documentation
	FromCode  Evidence = "code"  // inferred from another client's code
	GuessOnly Evidence = "guess" // ours
)

// Confirmed gives the tool as one tenant has it: what depends on details whose variant is known
// is covered or not; what depends on others is UNKNOWN.
func (t Tool) Confirmed(variants map[string]string) Tool {
	status := map[string]Coverage{}
	for _, d := range t.Details {
		known := slices.IndexFunc(d.Variants, func(v Variant) bool { return v.Name == variants[d.ID] })
		for _, what := range d.Depends {
			switch {
			case known >= 0 && d.Variants[known].Without:
				status[what] = Unsupported
			case known < 0 && status[what] == "":
				status[what] = CoverageUnknown
			}
		}
	}
	t.Models, t.Actions = slices.Clone(t.Models), slices.Clone(t.Actions)
	for i := range t.Models {
		m := &t.Models[i]
		m.Status, m.Fields = confirmed(status, string(m.Model), m.Status, m.Fields)
	}
	for i := range t.Actions {
		a := &t.Actions[i]
		a.Status, a.Fields = confirmed(status, a.ID, a.Status, a.Fields)
	}
	return t
}

// confirmed gives the coverage of a model or an action, and of its fields, as one tenant has them.
func confirmed(status map[string]Coverage, id string, own Coverage, fields []FieldCoverage) (Coverage, []FieldCoverage) {
	whole, open := status[id]
	if open {
		own = whole
	}
	fields = slices.Clone(fields)
	for i := range fields {
		f := &fields[i]
		if s, named := status[id+"."+f.ID]; named && f.Status == Supported {
			f.Status = s
		} else if open && f.Status == Supported {
			f.Status = whole
		}
	}
	return own, fields
}

// ModelCoverage is the coverage of a model and its fields.
type ModelCoverage struct {
	Model  ats.Model
	Label  string
	Status Coverage
	Fields []FieldCoverage
}

// FieldCoverage is the coverage of one field.
type FieldCoverage struct {
	ID     string
	Status Coverage
}

// ActionCoverage is the coverage of a write action and its inputs.
type ActionCoverage struct {
	ID, Label string
	Status    Coverage
	Fields    []FieldCoverage
}

// FeatureCoverage is the coverage of a feature.
type FeatureCoverage struct {
	ID, Label string
	Status    Coverage
}

// ErrGone is what Fetch returns when the ATS says that the unit does not exist.
var ErrGone = errors.New("the ATS says that it does not exist")

// AuthError means that the ATS refused the credentials themselves. No retry helps.
type AuthError struct {
	Message string
	// Final: the ATS says that the credentials exist no more, so no later try helps either.
	Final bool
}

func (e *AuthError) Error() string { return "the ATS refused the credentials: " + e.Message }

// VersionError means that the credentials belong to another version of the ATS's API.
type VersionError struct{ Message string }

func (e *VersionError) Error() string {
	return "the credentials belong to another version of the ATS's API: " + e.Message
}

// ScopeError means that the credentials lack a permission.
type ScopeError struct {
	Scope   string // as the ATS names it; empty when unknown
	Message string
}

func (e *ScopeError) Error() string {
	if e.Scope == "" {
		return "the credentials lack a permission: " + e.Message
	}
	return fmt.Sprintf("the credentials lack the scope %q: %s", e.Scope, e.Message)
}

// RetryError means that the ATS cannot answer now: it asks to wait, or it failed again and
// again. After is the earliest time at which a new try makes sense; zero when it named none.
type RetryError struct {
	After time.Duration
	Err   error
}

func (e *RetryError) Error() string { return e.Err.Error() }

// Unwrap gives the last failure.
func (e *RetryError) Unwrap() error { return e.Err }

// AnswerError means that the ATS answered something that is no usable answer: an unexpected
// status, HTML, broken or cut JSON. What was asked for counts as not read, never as absent.
type AnswerError struct {
	Status  int
	Method  string
	Path    string
	Message string
}

func (e *AnswerError) Error() string {
	return fmt.Sprintf("%s %s answered %d: %s", e.Method, e.Path, e.Status, e.Message)
}
