package traffit

import (
	"slices"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// stamps are the fields that Kladka itself fills on every record.
var stamps = []string{"id", "changed_at", "remote_deleted_at"}

// Tool tells what is covered. What depends on an unconfirmed detail becomes UNKNOWN where a
// tenant's confirmed details are looked at; fields that tenants name as they like are UNKNOWN
// in any case.
func (*traffit) Tool() connector.Tool {
	return connector.Tool{
		Slug: Slug, Label: "TRAFFIT", Details: details, Passthrough: []string{"v2"}, Remappable: remappable(),
		Models: []connector.ModelCoverage{
			model(ats.Users, "Users", connector.Supported,
				[]string{"remote_id", "first_name", "last_name", "email", "status", "system_roles", "remote_data"}, nil, nil),
			model(ats.Roles, "Roles", connector.Supported,
				[]string{"remote_id", "remote_label", "scope", "remote_data"}, nil, []string{"unified_type"}),
			model(ats.Jobs, "Jobs", connector.Supported,
				[]string{
					"remote_id", "name", "job_code", "description", "confidential", "status", "visibility", "category",
					"post_url", "remote_work_status", "location", "custom_fields", "integration_fields", "opened_at",
					"closed_at", "remote_created_at", "remote_updated_at", "stages", "job_postings", "hiring_team", "remote_data",
				},
				[]string{
					"employment_type", "department", "experience_level", "salary_amount", "salary_amount_from",
					"salary_amount_to", "salary_currency", "salary_period",
				},
				[]string{"weekly_hours", "remote_url", "contact_id", "screening_questions"}),
			model(ats.JobPostings, "Job postings", connector.Supported,
				[]string{"remote_id", "title", "description_html", "status", "visibility", "url"}, nil, []string{"remote_data"}),
			model(ats.Candidates, "Candidates", connector.Supported,
				[]string{
					"remote_id", "first_name", "last_name", "source", "phone_numbers", "email_addresses", "social_media",
					"custom_fields", "integration_fields", "remote_created_at", "remote_updated_at", "applications", "remote_data",
					"location", "tags",
				},
				[]string{"company", "title"}, []string{"confidential", "remote_url"}),
			model(ats.ApplicationStages, "Application stages", connector.Supported,
				[]string{"remote_id", "name", "status", "global_index", "remote_data"}, nil, []string{"custom_fields"}),
			model(ats.Applications, "Applications", connector.Supported,
				[]string{
					"remote_id", "outcome", "rejection_reason_name", "rejected_at", "current_stage_id", "job_id",
					"candidate_id", "remote_created_at", "remote_updated_at", "candidate", "current_stage", "job", "remote_data",
				}, nil,
				[]string{"custom_fields", "integration_fields", "remote_url", "screening_question_answers", "interviews", "offers"}),
			model(ats.Tags, "Tags", connector.Supported, []string{"remote_id", "name", "remote_data"}, nil, nil),
			model(ats.RejectionReasons, "Rejection reasons", connector.Supported, []string{"remote_id", "name", "remote_data"}, nil, nil),
			model(ats.CandidateTags, "Candidate tags", connector.Supported, []string{"candidate_id", "tag_id"}, nil, nil),
			model(ats.JobStages, "Job-specific application stages", connector.Supported,
				[]string{"index", "job_id", "stage_id"}, nil, nil),
			model(ats.HiringTeam, "Job hiring team members", connector.Supported,
				[]string{"roles", "job_id", "user_id"}, nil, nil),
			{Model: ats.Interviews, Label: "Interviews", Status: connector.Unsupported},
			{Model: ats.Offers, Label: "Offers", Status: connector.Unsupported},
		},
		Actions: []connector.ActionCoverage{
			actionWith("ats_create_candidate", "Create candidate", applicationInputs),
			actionWith("ats_create_application", "Create application", applicationInputs),
			action("ats_add_application_attachment", "Add attachment to application", slices.Concat(ofApplication, attachmentInputs)...),
			action("ats_add_candidate_attachment", "Add attachment to candidate", slices.Concat(ofCandidate, attachmentInputs)...),
			action("ats_move_application_to_stage", "Move application to stage", "application_id", "stage_id"),
			action("ats_reject_application", "Reject application", "application_id", "rejection_reason_id", "note"),
			action("ats_add_application_result_link", "Add result link to application", slices.Concat(ofApplication, linkInputs)...),
			action("ats_add_candidate_result_link", "Add result link to candidate", slices.Concat(ofCandidate, linkInputs)...),
			action("ats_add_application_note", "Add note to application", "application_id", "content", "content_type"),
			action("ats_add_candidate_tag", "Add tag to candidate", "candidate_id", "tag.name"),
			action("ats_remove_candidate_tag", "Remove tag from candidate", "candidate_id", "tag.name"),
		},
		Features: []connector.FeatureCoverage{
			{ID: "sync_only_created_applications", Label: "Sync only created applications", Status: connector.Supported},
			{ID: "connection_guide", Label: "Connection guide", Status: connector.Supported},
			{ID: "passthrough", Label: "API passthrough", Status: connector.Supported},
			{ID: "webhook_subscriptions", Label: "Webhook subscriptions", Status: connector.NotImplemented},
		},
	}
}

// The inputs of actions, by the names of the contract.
var (
	applicationInputs = inputs{
		supported: []string{
			"candidate.first_name", "candidate.last_name", "candidate.email_address", "candidate.phone_number",
			"candidate.additional_phone_numbers.phone_number", "candidate.location.city", "candidate.location.country",
			"candidate.location.state", "candidate.location.zip_code", "candidate.social_links.url", "application.job_id",
			"application.stage_id", "source.name", "attachments.name", "attachments.content_type", "attachments.data_url",
			"attachments.data", "attachments.type",
		},
		// A warning says where a tenant has no field for them.
		unknown: []string{
			"candidate.title", "candidate.company", "candidate.gender", "candidate.availability_date",
			"candidate.salary_expectations.amount", "candidate.salary_expectations.period", "gdpr_consent.given", "gdpr_consent.expires_at",
		},
		unsupported: []string{
			"candidate.additional_email_addresses.email_address", "candidate.location.street_1", "sourced_by.user_id", "screening_question_answers",
		},
	}
	ofApplication    = []string{"application_id"}
	ofCandidate      = []string{"candidate_id"}
	attachmentInputs = []string{"attachment.name", "attachment.content_type", "attachment.data_url", "attachment.data", "attachment.type"}
	linkInputs       = []string{"label", "url", "details.custom_field_name_prefix", "details.attributes.key", "details.attributes.value"}
)

func model(m ats.Model, label string, status connector.Coverage, supported, unknown, unsupported []string) connector.ModelCoverage {
	c := connector.ModelCoverage{Model: m, Label: label, Status: status}
	add := func(status connector.Coverage, ids []string) {
		for _, id := range ids {
			c.Fields = append(c.Fields, connector.FieldCoverage{ID: id, Status: status})
		}
	}
	add(connector.Supported, stamps)
	add(connector.Supported, supported)
	add(connector.CoverageUnknown, unknown)
	add(connector.Unsupported, unsupported)
	return c
}

// inputs are what an action takes, by whether TRAFFIT has a place for it.
type inputs struct{ supported, unknown, unsupported []string }

func action(id, label string, supported ...string) connector.ActionCoverage {
	return actionWith(id, label, inputs{supported: supported})
}

func actionWith(id, label string, in inputs) connector.ActionCoverage {
	a := connector.ActionCoverage{ID: id, Label: label, Status: connector.Supported}
	add := func(status connector.Coverage, ids []string) {
		for _, id := range ids {
			a.Fields = append(a.Fields, connector.FieldCoverage{ID: id, Status: status})
		}
	}
	add(connector.Supported, in.supported)
	add(connector.CoverageUnknown, in.unknown)
	add(connector.Unsupported, in.unsupported)
	return a
}
