package traffit

import (
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// entityOf names the entity behind the records of a model.
var entityOf = map[ats.Model]string{
	ats.Users: user, ats.Roles: role, ats.ApplicationStages: state, ats.Jobs: recruitment,
	ats.Candidates: employee, ats.Applications: application, ats.RejectionReasons: rejection, ats.Tags: tag,
}

// UnitOf names the unit behind a record. Connections and postings have no raw data of their own:
// it stands with the job or the candidate.
func (*traffit) UnitOf(m ats.Model, remoteID string) (connector.Unit, bool) {
	entity, ok := entityOf[m]
	return unit(entity, remoteID), ok
}

// Endpoint is the path that a part came from.
func (*traffit) Endpoint(k connector.PartKey) (path string, several bool) {
	switch k.Entity + " " + k.Kind {
	case user + " " + kindList, role + " " + kindUsers:
		return "/users/", false
	case state + " " + workflow:
		return "/workflows/{id}", false
	case recruitment + " " + kindList:
		return "/recruitments/", false
	case recruitment + " " + kindDetail:
		return "/recruitments/{id}", false
	case recruitment + " " + kindAdvert:
		return "/public/job_posts/published", true
	case rejection + " " + recruitment:
		return "/recruitments/{id}/rejections", true
	case employee + " " + kindList:
		return "/employees/", false
	case employee + " " + kindSource:
		return "/sources", true
	case employee + " " + kindTags, tag + " " + kindCandidate:
		return "/employees/{id}/tags", false
	case application + " " + kindMove:
		return "/employees/recruitment_history", true
	}
	return "", false
}
