package api

import (
	"slices"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
)

// Every list and every filter, on one screen.

// list is one of the contract's lists.
type list struct {
	path, summary string
	model         ats.Model
	filters       []param
	deprecated    bool
	// updates says what updated_after counts beyond the record itself.
	updates string
	// schema documents the records.
	schema schemaOf
}

// params gives all parameters of a list.
func (l list) params() []param {
	updated := instants("updated_after", "Only what changed after this moment. Counts changes of the record itself"+l.updates+
		". Reaches back five seconds further, so that nothing is missed; some records may therefore come twice.",
		field{}, func(q *store.Query) **int64 { return &q.UpdatedAfter })
	return slices.Concat(pageParams(maxPageSize), []param{
		updated,
		{
			name: "include_deleted", kind: flagKind, def: "false", doc: "Whether records that vanished from the ATS are shown too.",
			flag: func(q *listQuery, v bool) { q.IncludeDeleted = v },
		},
		{
			name: "ignore_unsupported_filters", kind: flagKind, def: "false",
			doc:  "A filter on a field that the tool does not cover, or that is switched off, finds nothing; with true it is left out instead.",
			flag: func(q *listQuery, v bool) { q.ignoreUnsupported = v },
		},
		texts("ids", "Only records with one of these IDs.", field{}, func(q *store.Query) *[]string { return &q.IDs }),
		texts("remote_ids", "Only records with one of these IDs of the ATS.", field{}, func(q *store.Query) *[]string { return &q.RemoteIDs }),
	}, l.filters)
}

// pageParams are the parameters of everything that comes in pages.
func pageParams(most int) []param {
	return []param{
		{
			name: "cursor", kind: textKind, doc: "Where to go on: the next of the page before. Repeat the filters with it.",
			text: func(q *listQuery, v string) { q.cursor = v },
		},
		{
			name: "page_size", kind: numberKind, min: 1, max: most, def: defaultPageSize, doc: "How many results a page holds at most.",
			number: func(q *listQuery, n int) { q.PageSize = n },
		},
	}
}

var lists = []list{
	{
		path: "applications", model: ats.Applications, summary: "List applications", schema: of[Application](),
		updates: ", of its candidate and of its stage, and interviews and offers that come, go or change", filters: []param{
			enums("outcomes", "Only these outcomes.", outcomes, field{ats.Applications, "outcome"}, func(q *store.Query) *[]string { return &q.Outcomes }),
			single("outcome", "Use outcomes.", outcomes, field{ats.Applications, "outcome"}, func(q *store.Query) *[]string { return &q.Outcomes }),
			texts("job_ids", "Only applications to one of these jobs.", field{ats.Applications, "job_id"}, func(q *store.Query) *[]string { return &q.JobIDs }),
			texts("job_remote_ids", "Only applications to one of these jobs, by their IDs in the ATS.", field{ats.Applications, "job_id"}, func(q *store.Query) *[]string { return &q.JobRemoteIDs }),
			texts("current_stage_ids", "Only applications in one of these stages.", field{ats.Applications, "current_stage_id"}, func(q *store.Query) *[]string { return &q.CurrentStageIDs }),
			instants("remote_created_after", "Only what was created in the ATS on this day (UTC) or later.", field{ats.Applications, "remote_created_at"}, func(q *store.Query) **int64 { return &q.RemoteCreatedAfter }),
		},
	},
	{
		path: "candidates", model: ats.Candidates, summary: "List candidates", schema: of[Candidate](),
		updates: " and of its applications, and applications and tags that come or go", filters: []param{
			text("email", "Only candidates with this e-mail address, in any case.", field{ats.Candidates, "email_addresses"}, func(q *store.Query) **string { return &q.Email }),
			text("first_name", "Only candidates with exactly this first name, in any case.", field{ats.Candidates, "first_name"}, func(q *store.Query) **string { return &q.FirstName }),
			text("last_name", "Only candidates with exactly this last name, in any case.", field{ats.Candidates, "last_name"}, func(q *store.Query) **string { return &q.LastName }),
			texts("job_ids", "Only candidates who applied to one of these jobs.", field{ats.Applications, "job_id"}, func(q *store.Query) *[]string { return &q.JobIDs }),
		},
	},
	{
		path: "jobs", model: ats.Jobs, summary: "List jobs", schema: of[Job](),
		updates: " and of its postings, and stages, postings and team members that come or go", filters: []param{
			texts("job_codes", "Only jobs with one of these codes.", field{ats.Jobs, "job_code"}, func(q *store.Query) *[]string { return &q.JobCodes }),
			text("post_url", "Only the job with this public address.", field{ats.Jobs, "post_url"}, func(q *store.Query) **string { return &q.PostURL }),
			enums("statuses", "Only these statuses.", jobStatuses, field{ats.Jobs, "status"}, func(q *store.Query) *[]string { return &q.Statuses }),
			single("status", "Use statuses.", jobStatuses, field{ats.Jobs, "status"}, func(q *store.Query) *[]string { return &q.Statuses }),
			enums("employment_types", "Only these kinds of employment.", []string{"FULL_TIME", "PART_TIME", "CONTRACT", "SEASONAL", "INTERNSHIP"}, field{ats.Jobs, "employment_type"}, func(q *store.Query) *[]string { return &q.EmploymentTypes }),
			enums("visibilities", "Only these visibilities.", []string{"PUBLIC", "INTERNAL", "UNLISTED", "CONFIDENTIAL"}, field{ats.Jobs, "visibility"}, func(q *store.Query) *[]string { return &q.Visibilities }),
			instants("remote_created_after", "Only what was created in the ATS on this day (UTC) or later.", field{ats.Jobs, "remote_created_at"}, func(q *store.Query) **int64 { return &q.RemoteCreatedAfter }),
			text("name_contains", "Only jobs whose name has this text in it, in any case.", field{ats.Jobs, "name"}, func(q *store.Query) **string { return &q.NameContains }),
		},
	},
	{path: "users", model: ats.Users, summary: "List users of the ATS", schema: of[User](), updates: " and of its system roles", filters: []param{
		texts("emails", "Only users with one of these e-mail addresses, in any case.", field{ats.Users, "email"}, func(q *store.Query) *[]string { return &q.Emails }),
	}},
	{path: "roles", model: ats.Roles, summary: "List roles", schema: of[Role](), filters: []param{
		enums("scopes", "Only roles of these scopes.", []string{"SYSTEM", "JOB"}, field{ats.Roles, "scope"}, func(q *store.Query) *[]string { return &q.Scopes }),
	}},
	{path: "interviews", model: ats.Interviews, summary: "List interviews", schema: of[Interview](), filters: []param{
		texts("job_ids", "Only interviews for one of these jobs.", field{ats.Interviews, "application_id"}, func(q *store.Query) *[]string { return &q.JobIDs }),
	}},
	{path: "tags", model: ats.Tags, summary: "List tags", schema: of[Tag]()},
	{path: "offers", model: ats.Offers, summary: "List offers", schema: of[Offer]()},
	{path: "rejection-reasons", model: ats.RejectionReasons, summary: "List rejection reasons", schema: of[RejectionReason]()},
	{path: "application-stages", model: ats.ApplicationStages, summary: "List application stages", schema: of[ApplicationStage](), deprecated: true},
}

var (
	outcomes    = []string{"PENDING", "HIRED", "DECLINED"}
	jobStatuses = []string{"OPEN", "CLOSED", "DRAFT", "ARCHIVED"}
)

// The makers of filters: each says where in the store's query the value goes.

func text(name, doc string, f field, at func(*store.Query) **string) param {
	return param{name: name, doc: doc, kind: textKind, of: f, text: func(q *listQuery, v string) {
		*at(&q.Query) = &v
	}}
}

func texts(name, doc string, f field, at func(*store.Query) *[]string) param {
	return param{name: name, doc: doc, kind: listKind, of: f, list: func(q *listQuery, v []string) { *at(&q.Query) = v }}
}

func enums(name, doc string, values []string, f field, at func(*store.Query) *[]string) param {
	p := texts(name, doc, f, at)
	p.kind, p.values = enumsKind, values
	return p
}

// single is the older, deprecated form of an enums filter. Given together, both must hold.
func single(name, doc string, values []string, f field, at func(*store.Query) *[]string) param {
	return param{name: name, doc: doc, kind: enumKind, values: values, of: f, deprecated: true, text: func(q *listQuery, v string) {
		list := at(&q.Query)
		switch {
		case *list != nil && !slices.Contains(*list, v):
			q.nothing = true
		default:
			*list = []string{v}
		}
	}}
}

func instants(name, doc string, f field, at func(*store.Query) **int64) param {
	return param{name: name, doc: doc, kind: instantKind, of: f, instant: func(q *listQuery, ms int64) { *at(&q.Query) = &ms }}
}
