//go:build fault

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/aielon/edge/node/edge"
)

const (
	moneyAccounts = 6
	moneyEach     = 100 // what each account begins with: little, so that many transfers are refused
)

// A moneyOp is a transfer, or a look at one balance.
type moneyOp struct {
	round    int
	look     bool // at from
	id       string
	from, to int
	amount   int64
}

// A moneyAnswer is what the site said: unknown where it did not.
type moneyAnswer struct {
	unknown bool
	code    string // of a refusal
	balance int64
}

// A moneyLoad is clients that move money between the accounts of a site through all of its nodes while it suffers.
type moneyLoad struct {
	w     *siteWorld
	start time.Time
	stop  chan struct{}
	wg    sync.WaitGroup
	round atomic.Int64
	names atomic.Int64

	mu   sync.Mutex // guards the rest
	ops  []porcupine.Operation
	acks []siteAck
}

// account is the identifier of an account of a round; the last is the desk the money came from.
func (l *moneyLoad) account(round, n int) string {
	var id edge.ID
	copy(id[:], fmt.Sprintf("money-%04d-%04d-", round, n))
	return id.String()
}

// moneyAsk puts an operation to one node over its socket.
func moneyAsk(ctx context.Context, b *siteBox, id edge.ID, op string, in, out any) error {
	var a struct {
		Reply json.RawMessage `json:"reply"`
	}
	path, q := "/v1/do", map[string]any{"id": id, "type": op, "body": in}
	if id.IsZero() {
		path, q = "/v1/ask", map[string]any{"name": op, "body": in, "strict": true}
	}
	if err := b.Call(ctx, "POST", path, q, &a); err != nil {
		return err
	}
	return json.Unmarshal(a.Reply, out)
}

// sure repeats a command until it is answered.
func (l *moneyLoad) sure(t *testing.T, op string, in any) {
	t.Helper()
	id, err := edge.NewID(), error(nil)
	for at := 0; at < 200; at++ {
		ctx, cancel := context.WithTimeout(t.Context(), siteTry)
		err = moneyAsk(ctx, l.w.boxes[at%3], id, op, in, &struct{}{})
		cancel()
		if err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s: %v", op, err)
}

// open opens the accounts of a round and brings in what they begin with.
func (l *moneyLoad) open(t *testing.T, round int) {
	t.Helper()
	for n := range moneyAccounts + 1 {
		in := map[string]any{"id": l.account(round, n), "kind": "MEMBER", "owner": fmt.Sprint("p", n), "asset": "IDR"}
		if n == moneyAccounts {
			in = map[string]any{"id": l.account(round, n), "kind": "CASH", "asset": "IDR", "fund": "amanah"}
		}
		l.sure(t, "wallet.open_account", in)
		if n < moneyAccounts { // the rules would hold the 21st transfer of somebody who is not known
			l.sure(t, "wallet.set_tier", map[string]any{"account": in["id"], "tier": 2, "document": strings.Repeat("0", 64)})
		}
	}
	var legs []map[string]any
	for n := range moneyAccounts {
		legs = append(legs, map[string]any{"debit": l.account(round, moneyAccounts), "credit": l.account(round, n), "amount": fmt.Sprint(moneyEach)})
	}
	l.sure(t, "wallet.create_transfer", map[string]any{"transfer": map[string]any{"id": edge.NewID(), "legs": legs}})
}

func newMoneyLoad(t *testing.T, w *siteWorld, rounds int) *moneyLoad {
	l := &moneyLoad{w: w, start: time.Now(), stop: make(chan struct{})}
	for r := range rounds {
		l.open(t, r)
	}
	for i := range siteClients {
		l.wg.Go(func() { l.client(i) })
	}
	return l
}

func (l *moneyLoad) running() bool {
	select {
	case <-l.stop:
		return false
	case <-time.After(sitePause):
		return true
	}
}

func (l *moneyLoad) client(i int) {
	r := rand.New(rand.NewPCG(17, uint64(i)))
	for l.running() {
		o := moneyOp{round: int(l.round.Load()), look: r.IntN(10) < 3, id: edge.NewID().String(), from: r.IntN(moneyAccounts), amount: 1 + r.Int64N(60)}
		o.to = (o.from + 1 + r.IntN(moneyAccounts-1)) % moneyAccounts
		l.do(i, i, o)
	}
}

// do carries out one operation through one node after the other until it is answered. All tries of a transfer have one
// command, and half of them are sent once more as another command with the same transfer.
func (l *moneyLoad) do(client, at int, o moneyOp) moneyAnswer {
	command, call := edge.NewID(), time.Since(l.start)
	for end := time.Now().Add(sitePatience); time.Now().Before(end); {
		a, err := l.try(l.w.boxes[at%3], command, o)
		if err == nil {
			l.record(client, o, a, call)
			return a
		}
		if at++; at%2 == 0 {
			command = edge.NewID() // the transfer's own identifier makes that harmless, too
		}
		time.Sleep(20 * time.Millisecond)
	}
	a := moneyAnswer{unknown: true}
	if !o.look {
		l.record(client, o, a, call)
	}
	return a
}

func (l *moneyLoad) try(b *siteBox, command edge.ID, o moneyOp) (a moneyAnswer, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), siteTry)
	defer cancel()
	if o.look {
		var acc struct{ Balance struct{ Posted string } }
		if err := moneyAsk(ctx, b, edge.ID{}, "wallet.get_account", map[string]any{"id": l.account(o.round, o.from)}, &acc); err != nil {
			return a, err
		}
		_, err := fmt.Sscan(acc.Balance.Posted, &a.balance)
		return a, err
	}
	in := map[string]any{"items": []any{map[string]any{"transfer": map[string]any{"id": o.id, "debit": l.account(o.round, o.from), "credit": l.account(o.round, o.to), "amount": fmt.Sprint(o.amount)}}}}
	var out struct {
		Items []struct{ Result struct{ Status, Code string } }
	}
	if err := moneyAsk(ctx, b, command, "wallet.create_transfers", in, &out); err != nil {
		return a, err
	}
	switch r := out.Items[0].Result; {
	case r.Code == "id_already_failed": // an earlier try was refused
		a.code = "insufficient_funds"
	case r.Status != "POSTED" && r.Code == "":
		a.code = r.Status // what the model knows nothing of
	default:
		a.code = r.Code
	}
	return a, nil
}

func (l *moneyLoad) record(client int, o moneyOp, a moneyAnswer, call time.Duration) {
	now := time.Since(l.start)
	x := porcupine.Operation{ClientId: client, Input: o, Output: a, Call: int64(call), Return: int64(now)}
	if a.unknown {
		x.ClientId, x.Return = int(l.names.Add(1))+100, math.MaxInt64
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops = append(l.ops, x)
	if !o.look && !a.unknown && a.code == "" {
		l.acks = append(l.acks, siteAck{call, now})
	}
}

// wrote waits until a transfer that began after a moment is acknowledged, and reports whether one was in time.
func (l *moneyLoad) wrote(after, limit time.Duration) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		l.mu.Lock()
		ok := len(l.acks) > 0 && l.acks[len(l.acks)-1].began > after
		l.mu.Unlock()
		if ok {
			return true
		}
	}
	return false
}

// moneyModel is the accounts of a round on one node that never fails, with a floor of nothing.
func moneyModel() porcupine.Model {
	type books [moneyAccounts]int64
	return porcupine.Model{
		Partition: func(ops []porcupine.Operation) (parts [][]porcupine.Operation) {
			by := map[int]int{}
			for _, x := range ops {
				r := x.Input.(moneyOp).round
				if _, ok := by[r]; !ok {
					by[r] = len(parts)
					parts = append(parts, nil)
				}
				parts[by[r]] = append(parts[by[r]], x)
			}
			return parts
		},
		Init: func() any {
			var b books
			for n := range b {
				b[n] = moneyEach
			}
			return b
		},
		Step: func(state, input, output any) (bool, any) {
			b, o, a := state.(books), input.(moneyOp), output.(moneyAnswer)
			enough := b[o.from] >= o.amount
			after := b
			after[o.from] -= o.amount
			after[o.to] += o.amount
			switch {
			case o.look:
				return a.balance == b[o.from], b
			case a.unknown && enough:
				return true, after
			case a.unknown:
				return true, b
			case a.code == "insufficient_funds":
				return !enough, b
			}
			return a.code == "" && enough, after
		},
		DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
	}
}

// TestSiteMoney lets the worst happen to the leader of a site, $SITE_MONEY times (default 28), while eight clients move
// money through all nodes. Whatever was acknowledged is there in the end, every balance a client saw was one there was,
// and there is as much money as at the beginning.
func TestSiteMoney(t *testing.T) {
	n := siteCount("SITE_MONEY", 28)
	w := newSiteWorld(t, siteBuild(t, "fault"))
	w.settled(3)
	l := newMoneyLoad(t, w, n)
	kinds := siteFaults()
	for i := range n {
		l.round.Store(int64(i))
		f, leader := kinds[i%len(kinds)], w.settled(3)
		time.Sleep(500 * time.Millisecond)
		f.do(w, leader)
		if !l.wrote(time.Since(l.start), 30*time.Second) {
			t.Errorf("%s: nothing could be moved for 30 s", f.name)
		}
		time.Sleep(500 * time.Millisecond)
		f.undo(w, leader)
		t.Logf("%2d %-18s load %s", i+1, f.name, siteMachine())
	}
	w.settled(3)
	close(l.stop)
	l.wg.Wait()
	l.judge(t, n)
}

// judge looks at all accounts through every node, as part of the history, and at the history as a whole.
func (l *moneyLoad) judge(t *testing.T, rounds int) {
	for r := range rounds {
		for at := range l.w.boxes {
			var sum int64
			for n := range moneyAccounts {
				sum += l.do(siteClients+at, at, moneyOp{round: r, look: true, from: n}).balance
			}
			if sum != moneyAccounts*moneyEach {
				t.Errorf("round %d, node %d: there are %d, at the beginning there were %d", r, at, sum, moneyAccounts*moneyEach)
			}
		}
	}
	unknown, refused := 0, 0
	for _, x := range l.ops {
		if a := x.Output.(moneyAnswer); a.unknown {
			unknown++
		} else if a.code != "" {
			refused++
		}
	}
	began := time.Now()
	result := porcupine.CheckOperationsTimeout(moneyModel(), l.ops, 2*time.Minute)
	t.Logf("%d operations, %d transfers acknowledged, %d refused, %d never known: %s in %v", len(l.ops), len(l.acks), refused, unknown, result, time.Since(began).Round(time.Millisecond))
	if result != porcupine.Ok {
		t.Errorf("the history is not linearizable: %s", result)
	}
	last := &l.ops[len(l.ops)-1] // a look when all was done: the checker must notice that it saw one unit more than there is
	a := last.Output.(moneyAnswer)
	a.balance++
	last.Output = a
	if r := porcupine.CheckOperationsTimeout(moneyModel(), l.ops, 2*time.Minute); r != porcupine.Illegal {
		t.Errorf("the checker does not notice a balance that never was: %s", r)
	}
}
