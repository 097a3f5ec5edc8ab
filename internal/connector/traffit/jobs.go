package traffit

import (
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// foldRecruitment makes a job with its stages, hiring team and postings.
func foldRecruitment(in input) (connector.Fold, error) {
	id := in.Unit.ID
	owner := in.IDs.ID(ats.Jobs, id)
	row, detail := in.parts.one(kindList), in.parts.one(kindDetail)
	if row == nil {
		return sets(
			own[ats.Job](ats.Jobs),
			set[ats.JobStage](ats.JobStages, "job_id", owner, nil),
			set[ats.HiringTeamMember](ats.HiringTeam, "job_id", owner, nil),
			set[ats.JobPosting](ats.JobPostings, "job_id", owner, nil),
		), nil
	}
	published := adverts(in.parts)
	var options object
	if len(published) > 0 {
		options = published[0].options
	}
	x := pick(ats.Jobs, in.Fields, row, detail, options)
	j := job(id, row, detail, published)
	j.CustomFields, j.IntegrationFields = x.custom, x.integration
	remapped(&j, jobRemaps, ats.Jobs, in.Fields, row, detail, options)
	var postings []ats.JobPosting
	for i, a := range published {
		postings = append(postings, a.posting(id, i))
	}
	fold := connector.Fold{Fields: x.met, Sets: []connector.Set{
		own(ats.Jobs, j),
		set(ats.JobPostings, "job_id", owner, postings),
	}}
	if detail == nil {
		return fold, nil
	}
	fold.Sets = append(fold.Sets, set(ats.HiringTeam, "job_id", owner, team(id, detail)))
	all, err := in.other(allPipelines)
	if err != nil {
		return connector.Fold{}, err
	}
	if len(all) > 0 { // otherwise no workflow was read yet
		fold.Sets = append(fold.Sets, set(ats.JobStages, "job_id", owner, stages(id, detail, all)))
	}
	return fold, nil
}

// job makes the job itself. The list and the detail have fields of their own; where both have
// one, the list is read more often.
func job(id string, row, detail object, published []advert) ats.Job {
	j := ats.Job{
		RemoteID: id, Name: row.opt("name"), JobCode: row.opt("nrRef"),
		Confidential: row.bool("is_confidential"), Status: jobStatus(row, detail),
		OpenedAt: row.time("created_at"), ClosedAt: row.time("closing_date"),
		RemoteCreatedAt: row.time("created_at"), RemoteUpdatedAt: row.time("updated_at"),
	}
	if j.Confidential == nil {
		j.Confidential = detail.bool("is_confidential")
	}
	if len(published) > 0 {
		published[0].fill(&j) // the lowest ID: adverts in further languages come later
	}
	switch {
	case j.Confidential != nil && *j.Confidential:
		j.Visibility = ref("CONFIDENTIAL")
	case len(published) > 0:
		j.Visibility = ref("PUBLIC")
	default:
		j.Visibility = ref("INTERNAL")
	}
	return j
}

// jobStatus reads is_closed first: the status of a closed recruitment still said "active"
// (seen). The other words for the status are guesses.
func jobStatus(row, detail object) *string {
	closed := row.bool("is_closed")
	if closed == nil {
		closed = detail.bool("is_closed")
	}
	status := strings.ToLower(detail.text("status"))
	switch {
	case closed != nil && *closed:
		return ref("CLOSED")
	case status == "draft" || strings.Contains(status, "szkic") || strings.Contains(status, "robocz"):
		return ref("DRAFT")
	case strings.HasPrefix(status, "archiv") || strings.HasPrefix(status, "archiw") || strings.HasPrefix(status, "zarchiw"):
		return ref("ARCHIVED")
	case closed == nil:
		return nil
	}
	return ref("OPEN")
}

// stages gives the states of the recruitment's workflow. A workflow that is gone has none.
func stages(id string, detail object, all parts) []ats.JobStage {
	flow := detail.id("workflow_id")
	if flow == "" {
		flow = detail.id("workflow")
	}
	var links []ats.JobStage
	for _, p := range all {
		if p.key != flow {
			continue
		}
		for i, s := range p.raw.list("states") {
			links = append(links, ats.JobStage{JobRemoteID: id, StageRemoteID: scalar(s), Index: int64(i)})
		}
	}
	return links
}

// team gives the responsible people. They come as a list of users (seen), a single one, or
// wrapped as {"user": …} (known from another client).
func team(id string, detail object) []ats.HiringTeamMember {
	var members []ats.HiringTeamMember
	seen := map[string]bool{}
	for _, v := range detail.list("responsible_person") {
		if inner := asObject(v).object("user"); inner != nil {
			v = inner
		} else if o := asObject(v); o.id("id") == "" && o.id("user") != "" {
			v = o.id("user")
		}
		person := idOf(v)
		if person == "" || seen[person] {
			continue
		}
		seen[person] = true
		members = append(members, ats.HiringTeamMember{
			JobRemoteID: id, UserRemoteID: person, Rank: int64(len(members)),
			Roles: []ats.EmbeddedRole{responsible().Embedded()},
		})
	}
	return members
}
