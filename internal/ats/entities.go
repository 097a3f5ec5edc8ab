package ats

// The unified types. A connector fills them; foreign keys are given as remote IDs, and
// rendering derives ours. A nil pointer renders as null: keys are never left out.

// Outcome is where an application stands.
type Outcome string

// The outcomes of the contract.
const (
	Pending  Outcome = "PENDING"
	Hired    Outcome = "HIRED"
	Declined Outcome = "DECLINED"
)

// User is a person who works in the ATS.
type User struct {
	ID        string  `json:"id"`
	RemoteID  string  `json:"remote_id"`
	FirstName *string `json:"first_name"`
	LastName  *string `json:"last_name"`
	Email     *string `json:"email"`
	Status    *string `json:"status"` // ACTIVE or INACTIVE

	// RoleRemoteID is the user's system role; empty for none.
	RoleRemoteID string `json:"-" scope:"system_roles"`
}

func (u User) record(ids Namespace) (Record, any, any) {
	u.ID = ids.ID(Users, u.RemoteID)
	ref := struct {
		ID        string  `json:"id"`
		RemoteID  string  `json:"remote_id"`
		FirstName *string `json:"first_name"`
		LastName  *string `json:"last_name"`
		Email     *string `json:"email"`
	}{u.ID, u.RemoteID, u.FirstName, u.LastName, u.Email}
	return Record{Model: Users, ID: u.ID, RemoteID: u.RemoteID, Values: map[string]any{
		"email":   key(fold(u.Email)),
		"status":  value(u.Status),
		"role_id": value(ids.Ref(Roles, u.RoleRemoteID)),
	}}, u, ref
}

// Role is a system role (a user has it everywhere) or a job role (on one job).
type Role struct {
	ID          string  `json:"id"`
	RemoteID    string  `json:"remote_id"`
	Label       *string `json:"remote_label"`
	Scope       *string `json:"scope"` // SYSTEM or JOB
	UnifiedType *string `json:"unified_type"`
}

func (r Role) record(ids Namespace) (Record, any, any) {
	r.ID = ids.ID(Roles, r.RemoteID)
	return Record{Model: Roles, ID: r.ID, RemoteID: r.RemoteID, Values: map[string]any{
		"scope": value(r.Scope),
	}}, r, r.Embedded()
}

// EmbeddedRole is a role as users and hiring teams embed it.
type EmbeddedRole struct {
	RemoteID    string  `json:"remote_id"`
	Label       *string `json:"remote_label"`
	Scope       *string `json:"scope"`
	UnifiedType *string `json:"unified_type"`
}

// Embedded gives the form in which others embed the role.
func (r Role) Embedded() EmbeddedRole {
	return EmbeddedRole{r.RemoteID, r.Label, r.Scope, r.UnifiedType}
}

// Location is a place. Country is an ISO 3166-1 alpha-2 code where known, else the original text.
type Location struct {
	City    *string `json:"city"`
	Country *string `json:"country"`
	Raw     *string `json:"raw"`
	State   *string `json:"state"`
	Street1 *string `json:"street_1"`
	Street2 *string `json:"street_2"`
	ZipCode *string `json:"zip_code"`
}

// IntegrationField is a vendor's field that the operator passes through as it is.
type IntegrationField struct {
	ID    string  `json:"id"`
	Key   string  `json:"key"`
	Type  string  `json:"type"` // DEFAULT or CUSTOM
	Value any     `json:"value"`
	Label *string `json:"label"`
}

// Job is an opening.
type Job struct {
	ID               string   `json:"id"`
	RemoteID         string   `json:"remote_id"`
	Name             *string  `json:"name"`
	JobCode          *string  `json:"job_code"`
	Description      *string  `json:"description"`
	Confidential     *bool    `json:"confidential"`
	WeeklyHours      *float64 `json:"weekly_hours"`
	EmploymentType   *string  `json:"employment_type"`
	Status           *string  `json:"status"`
	Visibility       *string  `json:"visibility"`
	Category         *string  `json:"category"`
	Department       *string  `json:"department"`
	PostURL          *string  `json:"post_url"`
	ExperienceLevel  *string  `json:"experience_level"`
	RemoteWorkStatus *string  `json:"remote_work_status"`
	SalaryAmount     *float64 `json:"salary_amount"`
	SalaryAmountFrom *float64 `json:"salary_amount_from"`
	SalaryAmountTo   *float64 `json:"salary_amount_to"`
	SalaryCurrency   *string  `json:"salary_currency"`
	SalaryPeriod     *string  `json:"salary_period"`

	Location          *Location          `json:"location"`
	CustomFields      map[string]any     `json:"custom_fields"`
	IntegrationFields []IntegrationField `json:"integration_fields"`
	RemoteURL         *string            `json:"remote_url"`
	OpenedAt          *Time              `json:"opened_at"`
	ClosedAt          *Time              `json:"closed_at"`
	RemoteCreatedAt   *Time              `json:"remote_created_at"`
	RemoteUpdatedAt   *Time              `json:"remote_updated_at"`
	ContactID         *string            `json:"contact_id"`
	// ScreeningQuestions is always empty: no connector reads them yet, and the key must be there.
	ScreeningQuestions []struct{} `json:"screening_questions"`
}

func (j Job) record(ids Namespace) (Record, any, any) {
	j.ID = ids.ID(Jobs, j.RemoteID)
	j.CustomFields, j.IntegrationFields = orEmpty(j.CustomFields), orNone(j.IntegrationFields)
	j.ScreeningQuestions = orNone(j.ScreeningQuestions)
	ref := struct {
		ID       string  `json:"id"`
		RemoteID string  `json:"remote_id"`
		Name     *string `json:"name"`
	}{j.ID, j.RemoteID, j.Name}
	return Record{Model: Jobs, ID: j.ID, RemoteID: j.RemoteID, Values: map[string]any{
		"name_folded":       fold(j.Name),
		"job_code":          key(value(j.JobCode)),
		"post_url":          key(value(j.PostURL)),
		"status":            value(j.Status),
		"visibility":        value(j.Visibility),
		"employment_type":   value(j.EmploymentType),
		"remote_created_at": millis(j.RemoteCreatedAt),
	}}, j, ref
}

// JobPosting is a published advert of a job.
type JobPosting struct {
	ID              string  `json:"id"`
	RemoteID        string  `json:"remote_id"`
	Title           *string `json:"title"`
	DescriptionHTML *string `json:"description_html"`
	Status          *string `json:"status"`     // ACTIVE, INACTIVE or DRAFT
	Visibility      *string `json:"visibility"` // PUBLIC, INTERNAL or UNLISTED
	URL             *string `json:"url"`

	JobRemoteID string `json:"-"`
	// Rank orders the postings of a job.
	Rank int64 `json:"-"`
}

func (p JobPosting) record(ids Namespace) (Record, any, any) {
	p.ID = ids.ID(JobPostings, p.RemoteID)
	return Record{Model: JobPostings, ID: p.ID, RemoteID: p.RemoteID, Values: map[string]any{
		"job_id": ids.ID(Jobs, p.JobRemoteID),
		"rank":   p.Rank,
	}}, p, nil
}

// PhoneNumber of a candidate; Type is PERSONAL, WORK, OTHER or null.
type PhoneNumber struct {
	PhoneNumber string  `json:"phone_number"`
	Type        *string `json:"type"`
}

// EmailAddress of a candidate; Type is PERSONAL, WORK, OTHER or null.
type EmailAddress struct {
	EmailAddress string  `json:"email_address"`
	Type         *string `json:"type"`
}

// SocialMedia is a profile of a candidate.
type SocialMedia struct {
	Link     *string `json:"link"`
	Type     *string `json:"type"`
	Username *string `json:"username"`
}

// Candidate is a person who applied or was sourced.
type Candidate struct {
	ID                string             `json:"id"`
	RemoteID          string             `json:"remote_id"`
	FirstName         *string            `json:"first_name"`
	LastName          *string            `json:"last_name"`
	Company           *string            `json:"company"`
	Title             *string            `json:"title"`
	Confidential      *bool              `json:"confidential"`
	Source            *string            `json:"source"`
	PhoneNumbers      []PhoneNumber      `json:"phone_numbers"`
	EmailAddresses    []EmailAddress     `json:"email_addresses"`
	SocialMedia       []SocialMedia      `json:"social_media"`
	Location          *Location          `json:"location"`
	CustomFields      map[string]any     `json:"custom_fields"`
	IntegrationFields []IntegrationField `json:"integration_fields"`
	RemoteURL         *string            `json:"remote_url"`
	RemoteCreatedAt   *Time              `json:"remote_created_at"`
	RemoteUpdatedAt   *Time              `json:"remote_updated_at"`
}

func (c Candidate) record(ids Namespace) (Record, any, any) {
	c.ID = ids.ID(Candidates, c.RemoteID)
	c.PhoneNumbers, c.EmailAddresses = orNone(c.PhoneNumbers), orNone(c.EmailAddresses)
	c.SocialMedia, c.IntegrationFields = orNone(c.SocialMedia), orNone(c.IntegrationFields)
	c.CustomFields = orEmpty(c.CustomFields)
	ref := struct {
		ID             string         `json:"id"`
		RemoteID       string         `json:"remote_id"`
		FirstName      *string        `json:"first_name"`
		LastName       *string        `json:"last_name"`
		EmailAddresses []EmailAddress `json:"email_addresses"`
		PhoneNumbers   []PhoneNumber  `json:"phone_numbers"`
		SocialMedia    []SocialMedia  `json:"social_media"`
		Source         *string        `json:"source"`
		RemoteURL      *string        `json:"remote_url"`
	}{c.ID, c.RemoteID, c.FirstName, c.LastName, c.EmailAddresses, c.PhoneNumbers, c.SocialMedia, c.Source, c.RemoteURL}
	r := Record{Model: Candidates, ID: c.ID, RemoteID: c.RemoteID, Values: map[string]any{
		"first_name_folded": key(fold(c.FirstName)),
		"last_name_folded":  key(fold(c.LastName)),
	}}
	for _, e := range c.EmailAddresses {
		if email, ok := key(Fold(e.EmailAddress)).(string); ok {
			r.Emails = append(r.Emails, email)
		}
	}
	return r, c, ref
}

// ApplicationStage is a step of a pipeline.
type ApplicationStage struct {
	ID           string         `json:"id"`
	RemoteID     string         `json:"remote_id"`
	Name         *string        `json:"name"`
	Status       *string        `json:"status"` // ACTIVE or INACTIVE
	CustomFields map[string]any `json:"custom_fields"`
	// GlobalIndex is the rank over all pipelines; nil while unknown.
	GlobalIndex *int64 `json:"global_index"`

	// Index is the rank within the stage's own pipeline, by which others embed it.
	Index *int64 `json:"-"`
}

func (s ApplicationStage) record(ids Namespace) (Record, any, any) {
	s.ID = ids.ID(ApplicationStages, s.RemoteID)
	s.CustomFields = orEmpty(s.CustomFields)
	ref := struct {
		ID           string         `json:"id"`
		RemoteID     string         `json:"remote_id"`
		Name         *string        `json:"name"`
		Index        *int64         `json:"index"`
		Status       *string        `json:"status"`
		CustomFields map[string]any `json:"custom_fields"`
		RemoteData   *struct{}      `json:"remote_data"`
	}{s.ID, s.RemoteID, s.Name, s.Index, s.Status, s.CustomFields, nil}
	return Record{Model: ApplicationStages, ID: s.ID, RemoteID: s.RemoteID}, s, ref
}

// Application is a candidate's way through one job.
type Application struct {
	ID                  string             `json:"id"`
	RemoteID            string             `json:"remote_id"`
	Outcome             *Outcome           `json:"outcome"`
	RejectionReasonName *string            `json:"rejection_reason_name"`
	RejectedAt          *Time              `json:"rejected_at"`
	CurrentStageID      *string            `json:"current_stage_id"`
	JobID               *string            `json:"job_id"`
	CandidateID         *string            `json:"candidate_id"`
	CustomFields        map[string]any     `json:"custom_fields"`
	IntegrationFields   []IntegrationField `json:"integration_fields"`
	RemoteURL           *string            `json:"remote_url"`
	RemoteCreatedAt     *Time              `json:"remote_created_at"`
	RemoteUpdatedAt     *Time              `json:"remote_updated_at"`
	// Answers, interviews and offers are read by no connector yet, and the keys must be there.
	ScreeningQuestionAnswers []struct{} `json:"screening_question_answers"`
	Interviews               []struct{} `json:"interviews"`
	Offers                   []struct{} `json:"offers"`

	CandidateRemoteID, JobRemoteID string `json:"-"`
	StageRemoteID                  string `json:"-" scope:"current_stage_id"`
}

func (a Application) record(ids Namespace) (Record, any, any) {
	a.ID = ids.ID(Applications, a.RemoteID)
	a.CurrentStageID = ids.Ref(ApplicationStages, a.StageRemoteID)
	a.JobID = ids.Ref(Jobs, a.JobRemoteID)
	a.CandidateID = ids.Ref(Candidates, a.CandidateRemoteID)
	a.CustomFields, a.IntegrationFields = orEmpty(a.CustomFields), orNone(a.IntegrationFields)
	a.ScreeningQuestionAnswers = orNone(a.ScreeningQuestionAnswers)
	a.Interviews, a.Offers = orNone(a.Interviews), orNone(a.Offers)
	ref := struct {
		ID                  string   `json:"id"`
		RemoteID            string   `json:"remote_id"`
		Outcome             *Outcome `json:"outcome"`
		RejectionReasonName *string  `json:"rejection_reason_name"`
		RejectedAt          *Time    `json:"rejected_at"`
		RemoteURL           *string  `json:"remote_url"`
		RemoteCreatedAt     *Time    `json:"remote_created_at"`
		RemoteUpdatedAt     *Time    `json:"remote_updated_at"`
	}{a.ID, a.RemoteID, a.Outcome, a.RejectionReasonName, a.RejectedAt, a.RemoteURL, a.RemoteCreatedAt, a.RemoteUpdatedAt}
	var outcome any
	if a.Outcome != nil {
		outcome = string(*a.Outcome)
	}
	return Record{Model: Applications, ID: a.ID, RemoteID: a.RemoteID, Values: map[string]any{
		"candidate_id":      value(a.CandidateID),
		"job_id":            value(a.JobID),
		"current_stage_id":  value(a.CurrentStageID),
		"outcome":           outcome,
		"remote_created_at": millis(a.RemoteCreatedAt),
	}}, a, ref
}

// Tag is a label that candidates carry.
type Tag struct {
	ID       string  `json:"id"`
	RemoteID string  `json:"remote_id"`
	Name     *string `json:"name"`
}

func (t Tag) record(ids Namespace) (Record, any, any) {
	t.ID = ids.ID(Tags, t.RemoteID)
	return Record{Model: Tags, ID: t.ID, RemoteID: t.RemoteID}, t, t
}

// RejectionReason is a reason that a recruiter can give for a rejection.
type RejectionReason struct {
	ID       string  `json:"id"`
	RemoteID string  `json:"remote_id"`
	Name     *string `json:"name"`
}

func (r RejectionReason) record(ids Namespace) (Record, any, any) {
	r.ID = ids.ID(RejectionReasons, r.RemoteID)
	return Record{Model: RejectionReasons, ID: r.ID, RemoteID: r.RemoteID}, r, nil
}

// CandidateTag connects a candidate and a tag.
type CandidateTag struct {
	CandidateRemoteID, TagRemoteID string
}

func (l CandidateTag) record(ids Namespace) (Record, any, any) {
	r := Record{Model: CandidateTags, RemoteID: l.CandidateRemoteID + ":" + l.TagRemoteID}
	r.ID = ids.ID(CandidateTags, r.RemoteID)
	candidate, tag := ids.ID(Candidates, l.CandidateRemoteID), ids.ID(Tags, l.TagRemoteID)
	r.Values = map[string]any{"candidate_id": candidate, "tag_id": tag}
	return r, struct {
		ID          string `json:"id"`
		CandidateID string `json:"candidate_id"`
		TagID       string `json:"tag_id"`
	}{r.ID, candidate, tag}, nil
}

// JobStage connects a job and a stage that its applications can be in.
type JobStage struct {
	JobRemoteID, StageRemoteID string
	// Index is the rank in the job's pipeline, from 0.
	Index int64
}

func (l JobStage) record(ids Namespace) (Record, any, any) {
	r := Record{Model: JobStages, RemoteID: l.JobRemoteID + ":" + l.StageRemoteID}
	r.ID = ids.ID(JobStages, r.RemoteID)
	job, stage := ids.ID(Jobs, l.JobRemoteID), ids.ID(ApplicationStages, l.StageRemoteID)
	r.Values = map[string]any{"job_id": job, "stage_id": stage, "rank": l.Index}
	return r, struct {
		ID      string `json:"id"`
		JobID   string `json:"job_id"`
		StageID string `json:"stage_id"`
		Index   int64  `json:"index"`
	}{r.ID, job, stage, l.Index}, nil
}

// HiringTeamMember connects a job and a user who works on it.
type HiringTeamMember struct {
	JobRemoteID, UserRemoteID string
	Roles                     []EmbeddedRole `scope:"roles"`
	// UnifiedRoles are the known ones among the roles (HIRING_MANAGER, RECRUITER, …).
	UnifiedRoles []string `scope:"roles"`
	// Rank orders the members of a job.
	Rank int64
}

func (l HiringTeamMember) record(ids Namespace) (Record, any, any) {
	r := Record{Model: HiringTeam, RemoteID: l.JobRemoteID + ":" + l.UserRemoteID}
	r.ID = ids.ID(HiringTeam, r.RemoteID)
	job, user := ids.ID(Jobs, l.JobRemoteID), ids.ID(Users, l.UserRemoteID)
	r.Values = map[string]any{"job_id": job, "user_id": user, "rank": l.Rank}
	own := struct {
		ID     string         `json:"id"`
		JobID  string         `json:"job_id"`
		UserID string         `json:"user_id"`
		Roles  []EmbeddedRole `json:"roles"`
	}{r.ID, job, user, orNone(l.Roles)}
	ref := struct {
		HiringTeamRoles []string       `json:"hiring_team_roles"`
		JobRoles        []EmbeddedRole `json:"job_roles"`
	}{orNone(l.UnifiedRoles), orNone(l.Roles)}
	return r, own, ref
}

// orNone makes an empty array of a missing one: the contract forbids null.
func orNone[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

func value(s *string) any {
	if s == nil {
		return nil
	}
	return *s
}

func fold(s *string) any {
	if s == nil {
		return nil
	}
	return Fold(*s)
}

// maxKey bounds, in bytes, the texts that are indexed: PostgreSQL takes no longer ones, two of
// them in one index. What is longer is served like any other, but not found by it.
const maxKey = 1000

func key(v any) any {
	if s, ok := v.(string); ok && len(s) > maxKey {
		return nil
	}
	return v
}

func millis(t *Time) any {
	if t == nil {
		return nil
	}
	return t.ms
}
