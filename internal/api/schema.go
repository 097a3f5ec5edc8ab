package api

// The records as they are served, for the OpenAPI document alone: what goes out is spliced from
// stored texts and never built from these types. Tests hold the two against each other.

// Results is a page of a list.
type Results[T any] struct {
	Next *string `json:"next" doc:"The cursor of the next page; null on the last one."`
	List []T     `json:"results"`
}

// Stamps end every record.
type Stamps struct {
	ChangedAt       string          `json:"changed_at" format:"date-time" doc:"When Kladka saw the record itself change last."`
	RemoteDeletedAt *string         `json:"remote_deleted_at" format:"date-time" doc:"When Kladka found that it is gone from the ATS."`
	RemoteData      *map[string]any `json:"remote_data" nullable:"true" doc:"The rows of the ATS by the path they come from; null unless the integration serves them."`
}

// Identity begins every record.
type Identity struct {
	ID       string `json:"id" doc:"Kladka's ID: 24 characters, the same after a rebuild."`
	RemoteID string `json:"remote_id" doc:"The ID in the ATS."`
}

// RemoteTimes say when the ATS made and changed a record.
type RemoteTimes struct {
	RemoteCreatedAt *string `json:"remote_created_at" format:"date-time"`
	RemoteUpdatedAt *string `json:"remote_updated_at" format:"date-time"`
}

// ExtraFields are what the operator added to the model.
type ExtraFields struct {
	CustomFields      map[string]any     `json:"custom_fields" doc:"Your own keys, mapped to fields of the ATS."`
	IntegrationFields []IntegrationValue `json:"integration_fields" doc:"Fields of the ATS that are passed through."`
}

// IntegrationValue is a field of the ATS that is passed through.
type IntegrationValue struct {
	ID    string  `json:"id"`
	Key   string  `json:"key"`
	Type  string  `json:"type" enum:"DEFAULT,CUSTOM"`
	Value any     `json:"value"`
	Label *string `json:"label"`
}

// Location is a place.
type Location struct {
	City    *string `json:"city"`
	Country *string `json:"country" doc:"ISO 3166-1 alpha-2 where known, else what the ATS says."`
	Raw     *string `json:"raw"`
	State   *string `json:"state"`
	Street1 *string `json:"street_1"`
	Street2 *string `json:"street_2"`
	ZipCode *string `json:"zip_code"`
}

// User is a person who works in the ATS.
type User struct {
	Identity
	FirstName *string `json:"first_name"`
	LastName  *string `json:"last_name"`
	Email     *string `json:"email"`
	Status    *string `json:"status" enum:"ACTIVE,INACTIVE"`
	Stamps
	SystemRoles []SystemRole `json:"system_roles"`
}

// SystemRole is a role that a user has everywhere.
type SystemRole struct {
	RemoteID    string  `json:"remote_id"`
	Label       *string `json:"remote_label"`
	Scope       string  `json:"scope" enum:"SYSTEM"`
	UnifiedType *string `json:"unified_type" enum:"HIRING_MANAGER,RECRUITER,COORDINATOR,SOURCER,INTERVIEWER,ADMIN"`
}

// JobRole is a role that a user has on one job.
type JobRole struct {
	RemoteID    string  `json:"remote_id"`
	Label       *string `json:"remote_label"`
	Scope       string  `json:"scope" enum:"JOB"`
	UnifiedType *string `json:"unified_type" enum:"HIRING_MANAGER,RECRUITER,COORDINATOR,SOURCER,INTERVIEWER,ADMIN"`
}

// Role is a role of the ATS.
type Role struct {
	Identity
	Label       *string `json:"remote_label"`
	Scope       *string `json:"scope" enum:"SYSTEM,JOB"`
	UnifiedType *string `json:"unified_type" enum:"HIRING_MANAGER,RECRUITER,COORDINATOR,SOURCER,INTERVIEWER,ADMIN"`
	Stamps
}

// Job is an opening.
type Job struct {
	Identity
	Name             *string  `json:"name"`
	JobCode          *string  `json:"job_code"`
	Description      *string  `json:"description" doc:"Usually HTML."`
	Confidential     *bool    `json:"confidential" deprecated:"true"`
	WeeklyHours      *float64 `json:"weekly_hours"`
	EmploymentType   *string  `json:"employment_type" doc:"FULL_TIME, PART_TIME, CONTRACT, SEASONAL, INTERNSHIP, or what the ATS says."`
	Status           *string  `json:"status" doc:"OPEN, CLOSED, DRAFT, ARCHIVED, or what the ATS says."`
	Visibility       *string  `json:"visibility" doc:"PUBLIC, INTERNAL, UNLISTED, CONFIDENTIAL, or what the ATS says."`
	Category         *string  `json:"category"`
	Department       *string  `json:"department"`
	PostURL          *string  `json:"post_url"`
	ExperienceLevel  *string  `json:"experience_level"`
	RemoteWorkStatus *string  `json:"remote_work_status" doc:"REMOTE, HYBRID, TEMPORARY, ON_SITE, or what the ATS says."`
	SalaryAmount     *float64 `json:"salary_amount"`
	SalaryAmountFrom *float64 `json:"salary_amount_from"`
	SalaryAmountTo   *float64 `json:"salary_amount_to"`
	SalaryCurrency   *string  `json:"salary_currency"`
	SalaryPeriod     *string  `json:"salary_period" doc:"YEAR, MONTH, TWO_WEEKS, WEEK, DAY, HOUR, or what the ATS says."`

	Location orNull[Location] `json:"location"`
	ExtraFields
	RemoteURL *string `json:"remote_url"`
	OpenedAt  *string `json:"opened_at" format:"date-time"`
	ClosedAt  *string `json:"closed_at" format:"date-time"`
	RemoteTimes
	ContactID *string `json:"contact_id" deprecated:"true"`
	Stamps
	Stages             []JobStage          `json:"stages" doc:"The stages that applications to this job go through, in their order."`
	ScreeningQuestions []ScreeningQuestion `json:"screening_questions"`
	JobPostings        []JobPosting        `json:"job_postings"`
	HiringTeam         []TeamMember        `json:"hiring_team"`
}

// JobStage is a stage as jobs and applications embed it.
type JobStage struct {
	ID           string          `json:"id"`
	RemoteID     string          `json:"remote_id"`
	Name         *string         `json:"name"`
	Index        *int64          `json:"index" doc:"The rank in its pipeline, from 0."`
	Status       *string         `json:"status" enum:"ACTIVE,INACTIVE"`
	CustomFields map[string]any  `json:"custom_fields"`
	RemoteData   *map[string]any `json:"remote_data" nullable:"true"`
}

// ScreeningQuestion is asked of applicants. No connector reads them yet.
type ScreeningQuestion struct {
	ID          string  `json:"id"`
	RemoteID    *string `json:"remote_id"`
	Title       *string `json:"title"`
	Description *string `json:"description"`
	Category    *string `json:"category" enum:"EEO,DEMOGRAPHIC"`
	Required    *bool   `json:"required"`
}

// JobPosting is a published advert.
type JobPosting struct {
	Identity
	Title           *string         `json:"title"`
	DescriptionHTML *string         `json:"description_html"`
	Status          *string         `json:"status" enum:"ACTIVE,INACTIVE,DRAFT"`
	Visibility      *string         `json:"visibility" enum:"PUBLIC,INTERNAL,UNLISTED"`
	URL             *string         `json:"url"`
	RemoteData      *map[string]any `json:"remote_data" nullable:"true"`
}

// TeamMember is a user who works on a job.
type TeamMember struct {
	Identity
	FirstName       *string   `json:"first_name"`
	LastName        *string   `json:"last_name"`
	Email           *string   `json:"email"`
	HiringTeamRoles []string  `json:"hiring_team_roles" enum:"HIRING_MANAGER,RECRUITER,COORDINATOR,SOURCER,INTERVIEWER" doc:"Use job_roles."`
	JobRoles        []JobRole `json:"job_roles"`
}

// PhoneNumber of a candidate.
type PhoneNumber struct {
	PhoneNumber string  `json:"phone_number"`
	Type        *string `json:"type" enum:"PERSONAL,WORK,OTHER"`
}

// EmailAddress of a candidate.
type EmailAddress struct {
	EmailAddress string  `json:"email_address"`
	Type         *string `json:"type" enum:"PERSONAL,WORK,OTHER"`
}

// SocialMedia is a profile of a candidate.
type SocialMedia struct {
	Link     *string `json:"link"`
	Type     *string `json:"type"`
	Username *string `json:"username"`
}

// Reachable says how a candidate is reached.
type Reachable struct {
	PhoneNumbers   []PhoneNumber  `json:"phone_numbers"`
	EmailAddresses []EmailAddress `json:"email_addresses"`
	SocialMedia    []SocialMedia  `json:"social_media"`
}

// Candidate is a person who applied or was sourced.
type Candidate struct {
	Identity
	FirstName    *string `json:"first_name"`
	LastName     *string `json:"last_name"`
	Company      *string `json:"company"`
	Title        *string `json:"title"`
	Confidential *bool   `json:"confidential"`
	Source       *string `json:"source"`
	Reachable
	Location orNull[Location] `json:"location"`
	ExtraFields
	RemoteURL *string `json:"remote_url"`
	RemoteTimes
	Stamps
	Applications []CandidateApplication `json:"applications"`
	Tags         []EmbeddedTag          `json:"tags"`
}

// Progress says where an application stands.
type Progress struct {
	Outcome             *string `json:"outcome" enum:"PENDING,HIRED,DECLINED"`
	RejectionReasonName *string `json:"rejection_reason_name"`
	RejectedAt          *string `json:"rejected_at" format:"date-time"`
}

// CandidateApplication is an application as candidates embed it.
type CandidateApplication struct {
	Identity
	Progress
	RemoteURL *string `json:"remote_url"`
	RemoteTimes
	ChangedAt    string              `json:"changed_at" format:"date-time"`
	CurrentStage orNull[JobStage]    `json:"current_stage"`
	Job          orNull[EmbeddedJob] `json:"job"`
}

// EmbeddedJob is a job as applications embed it.
type EmbeddedJob struct {
	Identity
	Name *string `json:"name"`
}

// EmbeddedTag is a tag as candidates embed it.
type EmbeddedTag struct {
	Identity
	Name *string `json:"name"`
}

// Application is a candidate's way through one job.
type Application struct {
	Identity
	Progress
	CurrentStageID *string `json:"current_stage_id"`
	JobID          *string `json:"job_id"`
	CandidateID    *string `json:"candidate_id"`
	ExtraFields
	RemoteURL *string `json:"remote_url"`
	RemoteTimes
	Answers    []ScreeningAnswer      `json:"screening_question_answers"`
	Interviews []ApplicationInterview `json:"interviews"`
	Offers     []ApplicationOffer     `json:"offers"`
	Stamps
	Candidate    orNull[EmbeddedCandidate] `json:"candidate"`
	CurrentStage orNull[JobStage]          `json:"current_stage"`
	Job          orNull[EmbeddedJob]       `json:"job"`
}

// ScreeningAnswer answers a screening question. No connector reads them yet.
type ScreeningAnswer struct {
	Answer   map[string]any `json:"answer"`
	Question map[string]any `json:"question"`
}

// ApplicationInterview is an interview as applications embed it.
type ApplicationInterview struct {
	ID         string           `json:"id"`
	RemoteID   *string          `json:"remote_id"`
	Title      *string          `json:"title"`
	StartingAt *string          `json:"starting_at" format:"date-time"`
	EndingAt   *string          `json:"ending_at" format:"date-time"`
	Location   orNull[Location] `json:"location"`
	Canceled   *bool            `json:"canceled"`
}

// ApplicationOffer is an offer as applications embed it.
type ApplicationOffer struct {
	ID       string  `json:"id"`
	RemoteID *string `json:"remote_id"`
	Status   *string `json:"status" enum:"ACCEPTED,DECLINED,SENT,APPROVED,DRAFT,ABANDONED"`
}

// EmbeddedCandidate is a candidate as applications embed it.
type EmbeddedCandidate struct {
	Identity
	FirstName *string `json:"first_name"`
	LastName  *string `json:"last_name"`
	Reachable
	Source    *string       `json:"source"`
	RemoteURL *string       `json:"remote_url"`
	Tags      []EmbeddedTag `json:"tags"`
}

// Tag is a label that candidates carry.
type Tag struct {
	Identity
	Name *string `json:"name"`
	Stamps
}

// RejectionReason is a reason that a recruiter can give.
type RejectionReason struct {
	Identity
	Name *string `json:"name"`
	Stamps
}

// ApplicationStage is a step of a pipeline.
type ApplicationStage struct {
	Identity
	Name         *string        `json:"name"`
	Status       *string        `json:"status" enum:"ACTIVE,INACTIVE"`
	CustomFields map[string]any `json:"custom_fields"`
	GlobalIndex  *int64         `json:"global_index" doc:"The rank over all pipelines."`
	Stamps
}

// Interview is a meeting with a candidate. No connector reads them yet.
type Interview struct {
	Identity
	Title      *string          `json:"title"`
	StartingAt *string          `json:"starting_at" format:"date-time"`
	EndingAt   *string          `json:"ending_at" format:"date-time"`
	Location   orNull[Location] `json:"location"`
	VideoURL   *string          `json:"video_conferencing_url"`
	Canceled   *bool            `json:"canceled"`
	Parentage
	StageID *string `json:"stage_id"`
	RemoteTimes
	Stamps
	Users []Interviewer `json:"users"`
}

// Parentage names the application that something belongs to.
type Parentage struct {
	ApplicationID *string                     `json:"application_id"`
	Application   orNull[EmbeddedApplication] `json:"application"`
}

// EmbeddedApplication is an application as interviews and offers embed it.
type EmbeddedApplication struct {
	Identity
	Outcome             *string                   `json:"outcome" enum:"PENDING,HIRED,DECLINED"`
	RejectionReasonName *string                   `json:"rejection_reason_name"`
	Candidate           orNull[EmbeddedCandidate] `json:"candidate"`
	Job                 orNull[EmbeddedJob]       `json:"job"`
}

// Interviewer is a user as interviews embed it.
type Interviewer struct {
	Identity
	FirstName *string `json:"first_name"`
	LastName  *string `json:"last_name"`
	Email     *string `json:"email"`
}

// Offer is a job offer to a candidate. No connector reads them yet.
type Offer struct {
	Identity
	Status              *string `json:"status" enum:"ACCEPTED,DECLINED,SENT,APPROVED,DRAFT,ABANDONED"`
	EmploymentStartDate *string `json:"employment_start_date" format:"date-time"`
	Parentage
	ExtraFields
	RemoteTimes
	Stamps
}
