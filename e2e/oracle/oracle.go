// Package oracle says what Kladka should serve for a tenant of the sandbox: it reads the sandbox's
// true rows over HTTP and maps them to unified records after docs/mapping.md.
//
// It is plain code of its own and shares nothing with the product: neither the sandbox's types nor
// the connector nor the unified model. Two readings of the same rules that agree are worth
// something; one that is used twice is not. It imports the standard library only.
package oracle

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strconv"
)

// Object is a JSON object as encoding/json decodes it.
type Object = map[string]any

// The lists of the API, by the last part of their path.
const (
	Users            = "users"
	Roles            = "roles"
	Jobs             = "jobs"
	Candidates       = "candidates"
	Applications     = "applications"
	Stages           = "application-stages"
	Tags             = "tags"
	RejectionReasons = "rejection-reasons"
)

// Lists names all lists.
func Lists() []string {
	return []string{Users, Roles, Stages, RejectionReasons, Tags, Jobs, Candidates, Applications}
}

// models gives the model by which IDs are derived.
var models = map[string]string{
	Users: "ats_users", Roles: "ats_roles", Jobs: "ats_jobs", Candidates: "ats_candidates", Applications: "ats_applications",
	Stages: "ats_application_stages", Tags: "ats_tags", RejectionReasons: "ats_rejection_reasons", postings: "ats_job_postings",
}

const postings = "postings" // a model without a list

// Expected is what should be served: the records of each list by their ID, without changed_at,
// which only the server knows.
type Expected map[string]map[string]Object

// Read asks the sandbox at base for its truth. past is what was expected of the tenant at earlier
// syncs, oldest first: tags stay when nobody has them any more, and applications go on pointing
// to stages that were removed.
func Read(client *http.Client, base, integration string, past ...Expected) (Expected, error) {
	t := truth{}
	for _, entity := range []string{
		"users", "workflows", "recruitments", "employees", "history", "activities", "sources", "adverts", "dictionaries", "rejections",
	} {
		rows, err := readTruth(client, base, entity)
		if err != nil {
			return nil, err
		}
		t[entity] = rows
	}
	return derive(t, integration, past), nil
}

// truth holds the rows by entity, in the order of their IDs.
type truth map[string][]row

func readTruth(client *http.Client, base, entity string) ([]row, error) {
	var all []row
	for after := "0"; ; {
		res, err := client.Get(base + "/_sandbox/truth/" + entity + "?limit=10000&after=" + after)
		if err != nil {
			return nil, fmt.Errorf("read the truth: %w", err)
		}
		var page []row
		if res.StatusCode == http.StatusOK {
			dec := json.NewDecoder(res.Body)
			dec.UseNumber()
			err = dec.Decode(&page)
		} else {
			err = fmt.Errorf("status %d", res.StatusCode)
		}
		_ = res.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("read the truth of %s: %w", entity, err)
		}
		if len(page) == 0 {
			return all, nil
		}
		all = append(all, page...)
		after = page[len(page)-1].id()
	}
}

func derive(t truth, integration string, past []Expected) Expected {
	d := deriver{
		truth: t, integration: integration,
		users: byID(t["users"]), employees: byID(t["employees"]), recruitments: byID(t["recruitments"]),
		states: map[string]*state{}, adverts: map[string][]row{}, embedded: map[string]Object{},
	}
	d.readStates()
	for _, a := range t["adverts"] {
		if a["published"] == true {
			job := a.at("advert").at("recruitment").id()
			d.adverts[job] = append(d.adverts[job], a)
		}
	}
	out := Expected{}
	for _, list := range Lists() {
		out[list] = map[string]Object{}
	}
	for _, p := range past {
		maps.Copy(out[Tags], p[Tags])
		for id, s := range p[Stages] {
			d.embedded[id] = embeddedStage(s, nil)
		}
	}
	d.addUsers(out)
	d.addStages(out)
	d.addReasons(out)
	applications := d.applications()
	d.addJobs(out)
	d.addCandidates(out, applications)
	d.addApplications(out, applications)
	return out
}

// deriver maps one tenant's truth.
type deriver struct {
	truth
	integration                    string
	users, employees, recruitments map[string]row
	states                         map[string]*state
	adverts                        map[string][]row // published ones by recruitment, lowest ID first
	embedded                       map[string]Object
}

func byID(rows []row) map[string]row {
	m := make(map[string]row, len(rows))
	for _, r := range rows {
		m[r.id()] = r
	}
	return m
}

// id derives a record's ID: 24 base58 digits, lowest first, of the hash of where it comes from.
func (d *deriver) id(list, remote string) string { return ID(d.integration, models[list], remote) }

// ID derives the ID of a record of a model.
func ID(integration, model, remote string) string {
	const digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	sum := sha256.Sum256([]byte(integration + "\x00" + model + "\x00" + remote))
	n, digit := new(big.Int).SetBytes(sum[:]), new(big.Int)
	out := ""
	for range 24 {
		n.DivMod(n, big.NewInt(58), digit)
		out += digits[digit.Int64() : digit.Int64()+1]
	}
	return out
}

// record begins a record with what all of them have.
func (d *deriver) record(list, remote string) Object {
	return Object{"id": d.id(list, remote), "remote_id": remote, "remote_deleted_at": nil, "remote_data": nil}
}

func (e Expected) add(list string, o Object) { e[list][o["id"].(string)] = o }

// sortByID orders embedded records whose order the contract leaves open.
func sortByID(list []any) []any {
	slices.SortFunc(list, func(a, b any) int {
		x, y := a.(Object)["id"].(string), b.(Object)["id"].(string)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return list
}

// number reads the digits of an ID.
func number(id string) int { n, _ := strconv.Atoi(id); return n }
