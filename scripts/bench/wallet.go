package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/aielon/edge/node/edge"
)

// A walletLoad is how the wallet is asked: clients, each waiting for its answer, and transfers a request. Ours is asked by
// REST, or over one WebSocket a client, as a till is that stays connected.
type walletLoad struct {
	clients, bulk int
	socket        bool
}

var walletLoads = []walletLoad{{1, 1, false}, {32, 1, false}, {32, 1, true}, {16, 50, false}}

// walletAccounts is among how many accounts money is moved. Each load draws the same pairs for everybody.
const walletAccounts = 1000

// walletTotal is after how many transfers memory and disk are looked at.
const walletTotal = 120_000

func (l walletLoad) name(who string) string {
	switch {
	case l.socket:
		return fmt.Sprintf("transfers, %d clients by WebSocket: %s", l.clients, who)
	case l.bulk == 1:
		return fmt.Sprintf("transfers, %d clients: %s", l.clients, who)
	}
	return fmt.Sprintf("transfers, %d clients x %d: %s", l.clients, l.bulk, who)
}

// A payer is a client of a ledger that waits for its answers: it moves money between n pairs of accounts at once.
type payer func(pairs []pairOf) error

type pairOf struct{ debit, credit int }

// A book is a ledger that is measured.
type book struct {
	who  string
	open func() (payer, func(), error) // a client with a connection of its own
	dial func() (payer, func(), error) // the same over a WebSocket; nil: it has none
	mem  func() (float64, error)       // bytes
	disk func() (float64, error)       // bytes
	stop func()
}

// wallet measures double entry: each transfer debits one account and credits another, and is answered once it is on
// disk (with three nodes: on a quorum of them). PostgreSQL does the same with its best honest SQL on the same disk, one
// transaction a transfer or a batch, fsync on. Ours is asked over HTTP by REST, with a session, audit records and
// webhooks' journal; PostgreSQL over its own protocol, with prepared statements.
func wallet(b *bench) error {
	for run := range b.runs {
		if err := b.walletRun(run); err != nil {
			return err
		}
	}
	for _, l := range walletLoads {
		for _, who := range []string{"one node", "three nodes"} {
			b.out.ratio(l.name(who)+", against PostgreSQL", l.name("aielon-edge, "+who), walletLoad{l.clients, l.bulk, false}.name("PostgreSQL"), 0)
		}
	}
	for _, who := range []string{"one node", "three nodes"} {
		many, bulk := walletLoad{32, 1, false}.name("aielon-edge, "+who), walletLoad{16, 50, false}.name("aielon-edge, "+who)
		b.out.atLeast("transfers a second at 32 clients, "+who, many, 5000)
		b.out.atLeast("transfers a second in bulk, "+who, bulk, 25000)
		b.out.atMost("p99 of a transfer at 32 clients, ms, "+who, "p99, "+many, 50)
	}
	b.out.atMost("memory after 120,000 transfers, MB", "memory: aielon-edge, one node", 160)
	b.out.atMost("disk after 120,000 transfers, MB", "disk: aielon-edge, one node", 200)
	return nil
}

func (b *bench) walletRun(run int) error {
	makers := []func(*bench, int) (*book, error){oneNode, threeNodes, postgresBook}
	if run%2 == 1 {
		slices.Reverse(makers)
	}
	for _, make := range makers {
		k, err := make(b, run)
		if err != nil {
			return err
		}
		if k == nil {
			continue
		}
		err = b.walletLoads(k)
		k.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", k.who, err)
		}
	}
	return nil
}

// walletLoads puts each load on a ledger, and fills it up to 120,000 transfers at the end.
func (b *bench) walletLoads(k *book) error {
	var done int64
	for _, l := range walletLoads {
		open := k.open
		if l.socket {
			open = k.dial
		}
		if open == nil {
			continue
		}
		n, rate, p50, p99, err := b.pay(open, l.clients, l.bulk, 0)
		if err != nil {
			return err
		}
		done += n
		name := l.name(k.who)
		b.out.add(name, "transfers/s", rate)
		b.out.add("p50, "+name, "ms", p50)
		b.out.add("p99, "+name, "ms", p99)
	}
	if rest := walletTotal - done; rest > 0 {
		if _, _, _, _, err := b.pay(k.open, 16, 50, rest); err != nil {
			return err
		}
		done += rest
	}
	mem, err := k.mem()
	if err != nil {
		return err
	}
	disk, err := k.disk()
	if err != nil {
		return err
	}
	scale := min(1, walletTotal/float64(done)) // the loads may have done more
	b.out.add("memory: "+k.who, "MB", mem/1e6)
	b.out.add("disk: "+k.who, "MB", disk/1e6*scale)
	return nil
}

// pay has clients move money until the span is over, or until so many transfers are done.
func (b *bench) pay(open func() (payer, func(), error), clients, bulk int, most int64) (n int64, rate, p50, p99 float64, err error) {
	var taken, moved atomic.Int64
	errs, times := make([]error, clients), make([][]float64, clients)
	began := time.Now()
	end := began.Add(b.span)
	var all sync.WaitGroup
	for i := range clients {
		p, stop, err := open()
		if err != nil {
			return 0, 0, 0, 0, err
		}
		all.Go(func() {
			defer stop()
			pairs := make([]pairOf, bulk)
			for x := uint64(i)*7919 + 1; errs[i] == nil; {
				if most == 0 && time.Now().After(end) || most > 0 && taken.Add(int64(bulk)) > most {
					return
				}
				for j := range pairs {
					x = x*6364136223846793005 + 1442695040888963407
					d := int(x>>33) % walletAccounts
					pairs[j] = pairOf{d, (d + 1 + int(x>>20)%(walletAccounts-1)) % walletAccounts}
				}
				at := time.Now()
				errs[i] = p(pairs)
				times[i] = append(times[i], float64(time.Since(at).Microseconds())/1000)
				moved.Add(int64(bulk))
			}
		})
	}
	all.Wait()
	took := time.Since(began).Seconds()
	list := slices.Sorted(slices.Values(slices.Concat(times...)))
	if len(list) == 0 {
		return 0, 0, 0, 0, cmp.Or(errs...)
	}
	return moved.Load(), float64(moved.Load()) / took, list[len(list)/2], list[len(list)*99/100], cmp.Or(errs...)
}

func oneNode(b *bench, run int) (*book, error) {
	x, err := b.box(fmt.Sprintf("wallet-%d", run), "")
	if err != nil {
		return nil, err
	}
	return b.ourBook("aielon-edge, one node", []*box{x}, func() { x.kill(); os.RemoveAll(x.dir) })
}

func threeNodes(b *bench, run int) (*book, error) {
	boxes, stop, err := b.site(run)
	if err != nil {
		return nil, err
	}
	return b.ourBook("aielon-edge, three nodes", boxes, stop)
}

// ourBook sets a site up, gives its first person the role of a wallet officer and opens the accounts.
func (b *bench) ourBook(who string, boxes []*box, stop func()) (_ *book, err error) {
	defer func() {
		if err != nil {
			stop()
		}
	}()
	session, err := boxes[0].officer()
	if err != nil {
		return nil, err
	}
	ids := make([]string, walletAccounts)
	for i := range ids {
		ids[i] = edge.NewID().String()
	}
	if err := openAccounts(boxes[0], session, ids); err != nil {
		return nil, err
	}
	var turn atomic.Int64
	k := &book{who: who, stop: stop}
	k.open = func() (payer, func(), error) {
		x := boxes[int(turn.Add(1))%len(boxes)]
		t := &http.Transport{MaxIdleConnsPerHost: 1}
		c := &http.Client{Transport: t, Timeout: time.Minute}
		return func(pairs []pairOf) error { return x.transfers(c, session, ids, pairs) }, t.CloseIdleConnections, nil
	}
	k.dial = func() (payer, func(), error) { return boxes[int(turn.Add(1))%len(boxes)].till(session, ids) }
	k.mem = func() (float64, error) { return boxes[0].pss() }
	k.disk = func() (float64, error) { return taken(boxes[0].dir) }
	return k, nil
}

// officer sets a site up and returns a session that may move money.
func (x *box) officer() (session string, err error) {
	code, err := x.setupCode()
	if err != nil {
		return "", err
	}
	var in struct {
		Session string
		Person  struct{ ID string }
	}
	if err := x.rest("POST", "/v1/setup", "", map[string]any{"code": code, "login": "bench", "password": "a long bench password"}, &in); err != nil {
		return "", err
	}
	return in.Session, x.rest("PUT", "/v1/people/"+in.Person.ID+"/roles", in.Session, map[string]any{"roles": []string{"owner", "wallet-officer"}}, nil)
}

// setupCode asks the box over its socket for the code that sets it up.
func (x *box) setupCode() (string, error) {
	var out struct{ Code string }
	return out.Code, x.call("POST", "/v1/setup-code", struct{}{}, &out)
}

func openAccounts(x *box, session string, ids []string) error {
	var all sync.WaitGroup
	errs := make([]error, 16)
	for w := range errs {
		all.Go(func() {
			for i := w; i < len(ids) && errs[w] == nil; i += len(errs) {
				errs[w] = x.rest("POST", "/v1/wallet/accounts", session, map[string]any{"id": ids[i], "kind": "PAYABLE", "asset": "IDR", "fund": "general"}, nil)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// rest asks a box over its door.
func (x *box) rest(method, path, session string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return ask(http.DefaultClient, method, "http://"+x.door+path, session, body, out)
}

func ask(c *http.Client, method, url, session string, body []byte, out any) error {
	b, err := send(c, method, url, session, body)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(b, out)
}

func post(c *http.Client, url, session string, body []byte) ([]byte, error) {
	return send(c, "POST", url, session, body)
}

func send(c *http.Client, method, url, session string, body []byte) ([]byte, error) {
	r, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if session != "" {
		r.Header.Set("Authorization", "Bearer "+session)
	}
	a, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err == nil && a.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s: %s", url, a.Status, b)
	}
	return b, err
}

func transferOf(ids []string, p pairOf) string {
	return `{"transfer":{"id":"` + edge.NewID().String() + `","debit":"` + ids[p.debit] + `","credit":"` + ids[p.credit] + `","amount":"1250"}}`
}

// till moves money between one pair of accounts at a time, over a WebSocket that stays open.
func (x *box) till(session string, ids []string) (payer, func(), error) {
	ctx := context.Background()
	c, _, err := websocket.Dial(ctx, "ws://"+x.door+"/ws", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + session}}})
	if err != nil {
		return nil, nil, err
	}
	return func(pairs []pairOf) error {
		if err := c.Write(ctx, websocket.MessageText, []byte(`{"jsonrpc":"2.0","id":1,"method":"wallet.create_transfer","params":`+transferOf(ids, pairs[0])+`}`)); err != nil {
			return err
		}
		_, b, err := c.Read(ctx)
		if err == nil && !bytes.Contains(b, []byte(`"POSTED"`)) {
			err = fmt.Errorf("a transfer by WebSocket was answered %s", b)
		}
		return err
	}, func() { c.CloseNow() }, nil
}

// transfers moves money between pairs of accounts, by one request. A refusal within a batch is an error.
func (x *box) transfers(c *http.Client, session string, ids []string, pairs []pairOf) error {
	if len(pairs) == 1 {
		_, err := post(c, "http://"+x.door+"/v1/wallet/transfers", session, []byte(transferOf(ids, pairs[0])))
		return err
	}
	body := []byte(`{"items":[`)
	for i, p := range pairs {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, transferOf(ids, p)...)
	}
	b, err := post(c, "http://"+x.door+"/v1/wallet/transfers:batch", session, append(body, "]}"...))
	if n := bytes.Count(b, []byte(`"POSTED"`)); err == nil && n != len(pairs) { // decoding would cost more than the rest
		err = fmt.Errorf("%d of %d transfers of a batch are posted: %s", n, len(pairs), b)
	}
	return err
}

// taken is what a folder takes of its disk, in bytes: blocks, so holes do not count. A node keeps 64 MiB of real
// blocks in reserve for a full disk, which are not what it stores and not counted.
func taken(dir string) (sum float64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "BALLAST" {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // was merged meanwhile
		}
		if err != nil {
			return err
		}
		sum += allocated(info)
		return nil
	})
	return sum, err
}
