package traffit

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// workflows reads which workflows there are. When one goes, so do its states.
func (t *tenant) workflows() *connector.List {
	r := call{path: api + "/workflows", scope: "workflow", size: pageSize, sort: byID}
	return t.step(r, func(row object, sent ats.Time) []connector.Part {
		return listed(workflow, row, sent)
	}, connector.Cover{Entity: workflow, Kind: kindList, Absent: connector.Withdraw, Derived: []string{state, pipelines}})
}

// workflowDetails reads each workflow's states. Whether a workflow's stamp moves with its
// states is not known, so they are read again daily; tenants have a few workflows.
func (t *tenant) workflowDetails() *connector.Each {
	return &connector.Each{
		Of: connector.Cover{Entity: workflow, Kind: kindList}, Reads: kindDetail, MaxAge: always(maxAgeWorkflow),
		Brings: []connector.Cover{{Entity: state, Kind: workflow}, {Entity: pipelines, Kind: workflow}},
		Fetch: func(ctx context.Context, u connector.Unit) ([]connector.Part, error) {
			o, sent, err := t.single(ctx, "/workflows/", "workflow", u)
			if err != nil {
				return nil, err
			}
			own := part(workflow, u.ID, kindDetail, "", o, sent)
			own.Version = o.text("updated_at")
			parts := []connector.Part{own}
			ids := []string{}
			for rank, s := range ranked(o.list("states")) {
				s["rank"], s["workflow_id"] = rank, u.ID
				ids = append(ids, s.id("id"))
				parts = append(parts, part(state, s.id("id"), workflow, u.ID, s, sent))
			}
			return append(parts, part(pipelines, allPipelines.ID, workflow, u.ID, object{"workflow": u.ID, "states": ids}, sent)), nil
		},
	}
}

// ranked orders states as the pipeline shows them. TRAFFIT's order has gaps: the final states
// have 9999997 and up (seen). States without an order stay as they are listed, at the end.
func ranked(list []any) []object {
	var states []object
	seen := map[string]bool{}
	for _, v := range list {
		if o := asObject(v); o.id("id") != "" && !seen[o.id("id")] {
			seen[o.id("id")] = true
			states = append(states, o)
		}
	}
	slices.SortStableFunc(states, func(a, b object) int {
		if first := cmp.Compare(a.order(), b.order()); first != 0 || a.order() == unordered {
			return first
		}
		return compareIDs(a.id("id"), b.id("id"))
	})
	return states
}

func (o object) order() int64 {
	n, err := strconv.ParseInt(o.text("order"), 10, 64)
	if err != nil {
		return unordered
	}
	return n
}

const unordered = math.MaxInt64

// place finds a state among all pipelines: its rank in its own one, and over all of them.
func place(all parts, id string) (rank, global int64, ok bool) {
	for _, p := range all {
		for i, s := range p.raw.list("states") {
			if scalar(s) == id {
				return int64(i), global + int64(i), true
			}
		}
		global += int64(len(p.raw.list("states")))
	}
	return 0, 0, false
}

// foldState makes an application stage. Names repeat, also within a workflow (seen); the ID is
// what tells stages apart.
func foldState(in input) (connector.Fold, error) {
	row := in.parts.one(workflow)
	if row == nil {
		return sets(own[ats.ApplicationStage](ats.ApplicationStages)), nil
	}
	all, err := in.other(allPipelines)
	if err != nil {
		return connector.Fold{}, err
	}
	s := ats.ApplicationStage{RemoteID: in.Unit.ID, Name: row.opt("name"), Status: ref(active)}
	if rank, global, ok := place(all, in.Unit.ID); ok {
		s.Index, s.GlobalIndex = &rank, &global
	} else if rank, err := strconv.ParseInt(row.text("rank"), 10, 64); err == nil {
		s.Index = &rank
	}
	return sets(own(ats.ApplicationStages, s)), nil
}

// foldRejection makes a rejection reason. Whether recruitments share the IDs is not known; the
// name of the lowest recruitment is taken.
func foldRejection(in input) connector.Fold {
	row := in.parts.one(recruitment)
	if row == nil {
		return sets(own[ats.RejectionReason](ats.RejectionReasons))
	}
	return sets(own(ats.RejectionReasons, ats.RejectionReason{RemoteID: in.Unit.ID, Name: row.label()}))
}

// foldTag makes a tag.
func foldTag(in input) connector.Fold {
	row := in.parts.one(kindCandidate)
	if row == nil {
		return sets(own[ats.Tag](ats.Tags))
	}
	return sets(own(ats.Tags, ats.Tag{RemoteID: in.Unit.ID, Name: row.label()}))
}
