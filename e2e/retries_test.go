package e2e

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/action"
)

// unhurried is a patience that tests can wait for. Absence counts long after the latest effect.
var unhurried = action.Timing{
	Answer: 8 * time.Second,
	Looks:  []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, 1200 * time.Millisecond},
	Absent: 2 * time.Second,
}

// rough is a TRAFFIT that loses answers, is late, and fails.
var rough = map[string]string{
	"write.lost": "0.1", "write.unsure": "0.1", "write.late": "300ms", "write.fail": "0.03",
	"fail.500": "0.01", "fail.429": "0.01", "fail.close": "0.01", "retry.seconds": "0",
}

// calm takes back what rough does.
var calm = map[string]string{
	"write.lost": "0", "write.unsure": "0", "write.late": "0s", "write.fail": "0",
	"fail.500": "0", "fail.429": "0", "fail.close": "0", "retry.seconds": "1",
}

// fleet is servers that die and are replaced, as clients see them.
type fleet struct {
	key, integration string

	mu    sync.Mutex
	bases []string
	turn  int
}

// put says where a server is reached now.
func (f *fleet) put(n int, base string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bases[n] = base
}

// next is the address of one server after another.
func (f *fleet) next() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn++
	return f.bases[f.turn%len(f.bases)]
}

// reply is what a server answered.
type reply struct {
	status int
	header http.Header
	body   object
}

func (r reply) code() string {
	e, _ := r.body["error"].(object)
	code, _ := e["code"].(string)
	return code
}

func (r reply) data() object {
	data, _ := r.body["data"].(object)
	return data
}

// wish is what a client wants to have done, however often it has to ask.
type wish struct {
	method, path string
	key          string // the Idempotency-Key; empty for none
	body         object
}

// ask sends the wish once. An error means that there was no answer.
func (f *fleet) ask(ctx context.Context, w wish) (reply, error) {
	body, err := json.Marshal(w.body)
	if err != nil {
		return reply{}, err
	}
	return f.send(ctx, w, bytes.NewReader(body))
}

// send is ask with a body of its own.
func (f *fleet) send(ctx context.Context, w wish, body io.Reader) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, cmp.Or(w.method, http.MethodPost), f.next()+w.path, body)
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Authorization", "Bearer "+f.key)
	req.Header.Set("X-Integration-Id", f.integration)
	req.Header.Set("Content-Type", "application/json")
	if w.key != "" {
		req.Header.Set("Idempotency-Key", w.key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	r := reply{status: res.StatusCode, header: res.Header}
	if err := json.NewDecoder(res.Body).Decode(&r.body); err != nil {
		return reply{}, fmt.Errorf("%s answered %d without JSON: %w", w.path, res.StatusCode, err)
	}
	return r, nil
}

// insist asks until there is an answer that a retry would not change, and gives how often it asked.
func (f *fleet) insist(ctx context.Context, w wish) (r reply, asked int, err error) {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 800*time.Millisecond) {
		asked++
		r, err := f.ask(ctx, w)
		if err == nil && r.status != http.StatusTooManyRequests && r.status < 500 {
			return r, asked, nil
		}
		select {
		case <-ctx.Done():
			return r, asked, errors.Join(context.Cause(ctx), err)
		case <-time.After(pause/2 + rand.N(pause)):
		}
	}
}

// applicant is the nth application that clients create, each with a CV of its own.
type applicant struct {
	wish
	email, job string
	cv         []byte
}

// applicants makes n of them, for jobs of the tenant, by both operations.
func (u *upstream) applicants(n int, withKeys bool) []applicant {
	u.t.Helper()
	var open []string
	for r := range u.Truth("recruitments") {
		if r.Value("is_closed") == false && len(open) < 6 {
			open = append(open, fmt.Sprint(r.ID()))
		}
	}
	dice := rand.New(rand.NewPCG(1, 2))
	all := make([]applicant, n)
	for i := range all {
		a := applicant{email: fmt.Sprintf("applicant.%d@example.com", i), job: open[i%len(open)]}
		a.cv = []byte(fmt.Sprintf("%%PDF-1.4\n%% %d\n", i))
		for range 200 + dice.IntN(1500) {
			a.cv = append(a.cv, byte(dice.Uint32()))
		}
		a.body = object{
			"candidate":   object{"first_name": "Łucja", "last_name": fmt.Sprintf("Źdźbło-%d", i), "email_address": a.email},
			"attachments": []any{object{"name": "Życiorys.pdf", "content_type": "application/pdf", "type": "CV", "data": a.cv}},
		}
		if withKeys {
			a.key = fmt.Sprintf("create-%d", i)
		}
		if a.path = "/v1/ats/jobs/remote:" + a.job + "/applications"; i%2 == 1 {
			a.path = "/v1/ats/candidates"
			a.body["application"] = object{"job_id": "remote:" + a.job}
		}
		all[i] = a
	}
	return all
}

// creating is how a test of creations goes.
type creating struct {
	creates, clients, kills int
	withKeys                bool
	nodes                   int
}

// Creations that are retried blindly happen exactly once, though TRAFFIT loses answers and fails,
// and the servers are killed again and again.
func TestRetriedCreates(t *testing.T) {
	t.Parallel()
	plan := creating{creates: 80, clients: 12, kills: 6, nodes: 1}
	if *long {
		plan.creates, plan.kills = 500, 20
	}
	keys := plan
	keys.withKeys = true
	t.Run("with keys", func(t *testing.T) { t.Parallel(); retriedCreates(t, onSQLite(t), keys) })
	t.Run("without keys", func(t *testing.T) { t.Parallel(); retriedCreates(t, onSQLite(t), plan) })
	if *long {
		for name, plan := range map[string]creating{"with keys": keys, "without keys": plan} {
			plan.nodes = 2
			t.Run("two nodes "+name, func(t *testing.T) { t.Parallel(); retriedCreates(t, onPostgres(t), plan) })
		}
	}
}

// actionPoints are where a process dies in the midst of an action.
var actionPoints = []string{"action sending", "action sent", "before action end"}

func retriedCreates(t *testing.T, c config, plan creating) {
	c.Patience = unhurried
	k := newCrashing(t, c, small)
	first := spawn(t, k.c)
	k.server(first).succeeded(k.server(first).finish(k.run))
	first.kill()

	for name, value := range rough {
		k.u.set(name, value)
	}
	all := k.u.applicants(plan.creates, plan.withKeys)
	f := &fleet{key: k.key, integration: k.integration, bases: make([]string, plan.nodes)}
	lives := make([]*child, plan.nodes)
	begin := func(n int) *child {
		lives[n] = spawn(t, k.c)
		f.put(n, lives[n].base)
		return lives[n]
	}
	for n := range lives {
		begin(n)
	}

	ctx, cancel := context.WithTimeoutCause(t.Context(), 15*time.Minute, errors.New("the clients gave up"))
	defer cancel()
	var clients sync.WaitGroup
	replies := make([]reply, len(all))
	var done, asked atomic.Int64
	queue := make(chan int, len(all))
	for i := range all {
		queue <- i
	}
	close(queue)
	began := time.Now()
	for range plan.clients {
		clients.Go(func() {
			for i := range queue {
				r, n, err := f.insist(ctx, all[i].wish)
				if err != nil {
					t.Errorf("create %d: %v", i, err)
				}
				replies[i] = r
				asked.Add(int64(n))
				done.Add(1)
			}
		})
	}
	defer clients.Wait()
	defer cancel()

	// The kills are spread over the work. Every second process dies at a point of an action, the
	// others at any moment.
	seed := rand.Uint64()
	dice := rand.New(rand.NewPCG(seed, 0))
	hits := map[string]int{}
	for kill := range plan.kills {
		share := int64(plan.creates * kill / (plan.kills + 1))
		await(t, "the next share of the work", func() bool { return done.Load() >= share || ctx.Err() != nil })
		n := kill % plan.nodes
		if kill%2 == 0 {
			lives[n].kill()
			k.c.KillAt, k.c.KillHit = actionPoints[kill/2%len(actionPoints)], 1+dice.IntN(8)
			begin(n)
			select {
			case <-lives[n].ended:
			case <-time.After(time.Minute):
				t.Fatalf("nothing came to %q", k.c.KillAt)
			}
			select {
			case point := <-lives[n].point:
				hits[point]++
			default:
				t.Fatalf("the process ended before it came to %q", k.c.KillAt)
			}
		} else {
			time.Sleep(time.Duration(dice.IntN(400)) * time.Millisecond) // the moment of the crash, not a wait for something
			lives[n].kill()
		}
		k.kills++
		k.c.KillAt = ""
		begin(n)
	}
	clients.Wait()
	t.Logf("seed %d: %d creates took %v; %d kills, %d of them at points %v; asked %d times",
		seed, plan.creates, time.Since(began).Round(time.Millisecond), k.kills, (plan.kills+1)/2, hits, asked.Load())
	for _, point := range actionPoints {
		if hits[point] == 0 {
			t.Errorf("no process died at %q", point)
		}
	}

	for name, value := range calm {
		k.u.set(name, value)
	}
	unanswered := 0
	for _, r := range k.u.Requests().Counts {
		if strings.HasPrefix(r.Endpoint, http.MethodPost) && (r.Status == 0 || r.Status == http.StatusInternalServerError) {
			unanswered += r.Count
		}
	}
	if t.Logf("%d writes had no answer, or one that told nothing", unanswered); unanswered < plan.creates/4 {
		t.Error("TRAFFIT was too kind")
	}
	s := k.server(lives[0])
	db := k.c.open(t)
	await(t, "the journal to have nothing open", func() bool { return count(t, db, "actions WHERE ended_at IS NULL") == 0 })
	k.u.wantCreated(s, k.integration, all, replies, plan.withKeys)
	s.succeed(k.integration)
	k.u.equal(s, k.integration)
}

// count counts rows.
func count(t *testing.T, db *sql.DB, from string) int {
	t.Helper()
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+from).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// wantCreated checks that everybody was created once, as their client was told.
func (u *upstream) wantCreated(s *server, integration string, all []applicant, replies []reply, withKeys bool) {
	s.Helper()
	people := map[string][]int{}
	for r := range u.Truth("employees") {
		email, _ := r.Value("email").(string)
		people[email] = append(people[email], r.ID())
	}
	assigned := map[string]int{}
	for _, w := range u.Writes() {
		if w.Kind == "assign" {
			assigned[fmt.Sprintf("%d:%d", w.Employee, w.Recruitment)]++
		}
	}
	served := map[string]object{}
	for _, a := range s.list(integration, "applications", nil) {
		served[a["remote_id"].(string)] = a
	}
	outcomes := map[string]int{}
	for i, a := range all {
		r := replies[i]
		outcomes[strings.TrimSpace(fmt.Sprint(r.status, " ", r.code()))]++
		ids := people[a.email]
		if len(ids) != 1 {
			s.Errorf("create %d: TRAFFIT has %d candidates of the address", i, len(ids))
			continue
		}
		id := fmt.Sprintf("%d:%s", ids[0], a.job)
		if assigned[id] != 1 {
			s.Errorf("create %d: the application %s was made %d times", i, id, assigned[id])
		}
		switch uploads := u.Uploads(ids[0]); {
		case len(uploads) > 1, withKeys && len(uploads) == 0:
			s.Errorf("create %d: TRAFFIT has %d files, want 1", i, len(uploads))
		case len(uploads) == 1 && (!bytes.Equal(uploads[0].Content, a.cv) || uploads[0].Name != "Życiorys.pdf"):
			s.Errorf("create %d: the file %q differs", i, uploads[0].Name)
		}
		if served[id] == nil {
			s.Errorf("create %d: the application %s is not served", i, id)
		}
		switch {
		case r.status == http.StatusOK && i%2 == 0 && (r.data()["remote_id"] != id || r.data()["id"] != served[id]["id"]),
			r.status == http.StatusOK && i%2 == 1 && r.data()["remote_id"] != fmt.Sprint(ids[0]):
			s.Errorf("create %d was answered with %v %v, want the application %s", i, r.data()["remote_id"], r.data()["id"], id)
		case r.status == http.StatusConflict && r.code() == "ATS.APPLICATION_ALREADY_EXISTS" && !withKeys:
		case r.status != http.StatusOK:
			s.Errorf("create %d was answered %d: %v", i, r.status, r.body["error"])
		}
	}
	got := u.WriteCounts()
	if got["create"] != len(all) || got["assign"] != len(all) || withKeys && got["upload"] != len(all) {
		s.Errorf("writes that took effect: %v, want %d of each", got, len(all))
	}
	s.Logf("answers: %v; writes: %v", outcomes, got)
}
