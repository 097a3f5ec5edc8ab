package sandbox

import (
	"slices"
	"strings"
)

// state is a workflow state.
type state struct {
	id, workflow int
	name, kind   string
	sid          string // absent on states that the tenant added (seen)
	limit        int    // days; absent when 0
	order        int
	rejection    bool
}

// workflow is a recruitment process.
type workflow struct {
	id      int
	name    string
	updated Stamp
	states  []state // in order
}

// Terminal states have orders far above all others (seen).
const (
	orderGood = 9999997 + iota
	orderBad
	orderWait
)

// kind|name|sid|limit of the states between start and the terminal ones. The
// name "Zaakceptowany" stands twice in the first process (seen), and kinds repeat.
var processes = [][]string{
	{
		"screening|Screening|Screening|0", "initial_accept|Weryfikacja wstępna||5", "technical_verification|Test techniczny||0",
		"task|Zadanie domowe||1", "technical_verification|Rozmowa techniczna||0", "client_verification|Wysłany do klienta|Wysłany do klienta|0",
		"interview|Rozmowa z klientem|Interview|0", "interview|Druga rozmowa||0", "initial_accept|Zaakceptowany||0",
		"initial_accept|Zaakceptowany|Zaakceptowany|0", "initial_accept|Oferta złożona||3",
	},
	{
		"screening|Analiza CV|Screening|2", "initial_accept|Telefon||3", "initial_accept|Do decyzji||0", "task|Ankieta||2",
		"interview|Spotkanie HR|Interview|0", "interview|Spotkanie z kierownikiem||0", "technical_verification|Próba praktyczna||0",
		"technical_verification|Badania lekarskie||7", "client_verification|Prezentacja klientowi||0", "client_verification|Decyzja klienta||5",
		"initial_accept|Negocjacje||0", "initial_accept|Oferta|Zaakceptowany|3", "initial_accept|Umowa wysłana||0", "initial_accept|Umowa podpisana||0",
	},
}

const statesPerWorkflow = 40 // ids set aside for one workflow

// makeWorkflows makes n workflows, and the states that existed once and were
// removed, to which old history still refers (seen).
func makeWorkflows(n int, updated Stamp) (live []workflow, removed []state) {
	for w := range n {
		base := 19 + w*statesPerWorkflow
		process := processes[w%len(processes)]
		wf := workflow{id: 4 + 3*w, name: []string{"Standardowy", "Pełny proces"}[w%2], updated: updated}
		if w > 1 {
			wf.name += strings.Repeat("I", w-1)
		}
		add := func(offset, order int, kind, name, sid string) *state {
			wf.states = append(wf.states, state{id: base + offset, workflow: wf.id, name: name, kind: kind, sid: sid, order: order})
			return &wf.states[len(wf.states)-1]
		}
		add(0, 0, "start", "Nowy", "Nowy")
		for i, text := range process {
			part := strings.Split(text, "|")
			// States without a sid were added later and have later ids, out of order.
			offset := 4 + i
			if part[2] == "" {
				offset = 4 + 2*len(process) - i
			}
			s := add(offset, i+1, part[0], part[1], part[2])
			s.limit = int(part[3][0] - '0')
		}
		add(1, orderGood, "end-good", "Zatrudniony", "Zatrudniony")
		// The flag is false on a rejection state of one process and true on the
		// other's: both were seen.
		add(2, orderBad, "end-bad", "Odrzucony", "Odrzucenie").rejection = w%2 == 1
		add(3, orderWait, "wait", "Współpraca zakończona", "Współpraca zakończona")
		live = append(live, wf)
		removed = append(removed, state{id: base + statesPerWorkflow - 2, workflow: wf.id, name: "Rozmowa telefoniczna (stary etap)", kind: "interview"})
	}
	return live, removed
}

// of finds the first state of a kind.
func (w *workflow) of(kind string) (state, bool) {
	for _, s := range w.states {
		if s.kind == kind {
			return s, true
		}
	}
	return state{}, false
}

func (w *workflow) clone() *workflow {
	c := *w
	c.states = slices.Clone(w.states)
	return &c
}

func (s state) appendTo(row Row) Row {
	row = append(row, Field{"id", s.id}, Field{"name", s.name}, Field{"type", s.kind})
	if s.sid != "" {
		row = append(row, Field{"sid", s.sid})
	}
	return row
}

// detail is a state inside its workflow (seen).
func (s state) detail() Row {
	row := s.appendTo(nil)
	if s.limit > 0 {
		row = append(row, Field{"time_limit", s.limit})
	}
	return append(row, Field{"order", s.order}, Field{"is_public", false}, Field{"is_rejection", s.rejection})
}

// ofRecruitment is a state in the answer of /recruitments/{id}/states (seen).
func (s state) ofRecruitment() Row {
	return append(s.appendTo(nil), Field{"workflow", ref(s.workflow)}, Field{"order", s.order})
}

// summary is a workflow in the list (seen).
func (w *workflow) summary() Row {
	return Row{{"id", w.id}, {"name", w.name}, {"updated_at", w.updated}}
}

// detail is a workflow with its states (seen).
func (w *workflow) detail() Row {
	states := make([]Row, len(w.states))
	for i, s := range w.states {
		states[i] = s.detail()
	}
	return Row{{"id", w.id}, {"name", w.name}, {"states", states}}
}

// truth is the union of summary and detail.
func (w *workflow) truth() Row { return append(w.detail(), Field{"updated_at", w.updated}) }

func (t *Tenant) listWorkflows(make func(*workflow) Row) listing {
	return listing{
		n:      len(t.workflows),
		row:    func(pos int) Row { return make(t.shown(t.workflows[pos])) },
		fields: []string{"id", "name", "updated_at"},
		base:   len(t.workflows), origin: func(i int) int { return t.workflows[i].id },
	}
}

// shown is a workflow with what switches change of its states, in the truth too.
func (t *Tenant) shown(w *workflow) *workflow {
	flagged := t.settings().on("states.rejection", "set")
	if !flagged && t.data.dirt.Load() <= 1 {
		return w
	}
	w = w.clone()
	for i, s := range w.states {
		w.states[i] = t.data.named(s)
		w.states[i].rejection = s.rejection || flagged && s.kind == "end-bad"
	}
	return w
}

// named is a state as it is called: in dirty data more of them share a name.
func (d *data) named(s state) state {
	if s.name == d.states[s.id].name && s.kind != "start" && s.order < orderGood && d.dirtier("state", s.id, 80) {
		s.name = "Zaakceptowany"
	}
	return s
}

func (t *Tenant) workflow(id int) (*workflow, bool) {
	i := slices.IndexFunc(t.workflows, func(w *workflow) bool { return w.id == id })
	if i < 0 {
		return nil, false
	}
	return t.workflows[i], true
}

// workflowStats counts open applications per state. The shape is a guess:
// [{"id","name","states":[{"id","name","count"}]}].
func (t *Tenant) workflowStats() listing {
	counts := map[int]int{}
	for pos := range t.history.len() {
		if m := t.history.at(pos); m.end == 0 {
			counts[m.state]++
		}
	}
	return t.listWorkflows(func(w *workflow) Row {
		states := []Row{}
		for _, s := range w.states {
			states = append(states, Row{{"id", s.id}, {"name", s.name}, {"count", counts[s.id]}})
		}
		return Row{{"id", w.id}, {"name", w.name}, {"states", states}}
	})
}
