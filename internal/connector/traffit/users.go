package traffit

import (
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

const (
	active   = "ACTIVE"
	inactive = "INACTIVE"

	scopeSystem = "SYSTEM"
	scopeJob    = "JOB"
)

// foldUser makes a user. A login is no name, so a user without a first name has none.
func foldUser(in input) connector.Fold {
	row := in.parts.one(kindList)
	if row == nil {
		return sets(own[ats.User](ats.Users))
	}
	u := ats.User{
		RemoteID:  in.Unit.ID,
		FirstName: row.opt("name"), LastName: row.opt("lastname"),
		Email:        email(row.text("email")),
		RoleRemoteID: row.object("permission_group").id("id"),
	}
	if u.Email == nil {
		u.Email = email(row.text("username")) // some tenants log in by address (known from another client)
	}
	if a := row.bool("is_active"); a != nil {
		u.Status = ref(inactive)
		if *a {
			u.Status = ref(active)
		}
	}
	return sets(own(ats.Users, u))
}

// foldRole makes a system role from a permission group, or the one job role that TRAFFIT has.
func foldRole(in input) connector.Fold {
	row := in.parts.one(kindUsers)
	switch {
	case row == nil:
		return sets(own[ats.Role](ats.Roles))
	case in.Unit == responsibleRole:
		return sets(own(ats.Roles, responsible()))
	}
	return sets(own(ats.Roles, ats.Role{RemoteID: in.Unit.ID, Label: row.label(), Scope: ref(scopeSystem)}))
}

// responsible is the role of a recruitment's responsible people. TRAFFIT says no more of their
// part, so it is mapped to no unified type.
func responsible() ats.Role {
	return ats.Role{RemoteID: responsibleRole.ID, Label: ref("Responsible person"), Scope: ref(scopeJob)}
}
