package compliance

import (
	"bytes"
	"iter"
	"maps"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

var errNone = edge.E(edge.NotFound, "there is no such key")

// fast is a transaction that keeps its writes beside the state it began with, and is begun anew at no cost.
type fast struct {
	*edgetest.State
	writes map[string][]byte
}

func (f *fast) Get(key []byte) ([]byte, error) {
	if v, ok := f.writes[string(key)]; ok {
		return v, nil
	}
	if v, ok := f.State.Rows[string(key)]; ok {
		return v, nil
	}
	return nil, errNone
}
func (f *fast) Set(key, value []byte)                        { f.writes[string(key)] = bytes.Clone(value) }
func (f *fast) Delete(key []byte)                            { delete(f.writes, string(key)) }
func (f *fast) Scan(prefix []byte) iter.Seq2[[]byte, []byte] { return f.State.Scan(prefix) }
func (f *fast) Emit(edge.Event)                              {}

// A batch of 512 transfers among 256 members, with rules and without: what is between is what the rules cost.
func BenchmarkBatch(b *testing.B) {
	for name, rules := range map[string]bool{"rules": true, "none": false} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b)
			if !rules {
				w.mux, w.l = edge.NewMux(), ledger.New(nil)
				w.l.Register(w.mux)
				w.s.Register(w.mux)
			}
			desk := w.open(1, walletv1.AccountKind_CASH, "IDR", "amanah")
			const members = 256
			for n := range members {
				w.open(1000+n, walletv1.AccountKind_MEMBER, "IDR", "")
				if _, err := w.send(2000+n, desk, id(1000+n), "100000000"); err != nil {
					b.Fatal(err)
				}
				for day := range 2 { // something moved before
					w.state.Time = time.Date(2026, 11, 1+day, 8, n%60, 0, 0, time.UTC)
					if _, err := w.send(3000+1000*day+n, id(1000+n), desk, "10"); err != nil {
						b.Fatal(err)
					}
				}
			}
			in := &walletv1.CreateTransfersRequest{}
			for n := range 512 {
				in.Items = append(in.Items, &walletv1.Item{Action: &walletv1.Item_Transfer{Transfer: &walletv1.NewTransfer{Id: id(100000 + n),
					Debit: id(1000 + n%members), Credit: id(1000 + (n*7+1)%members), Amount: "5"}}})
			}
			body, _ := proto.Marshal(in)
			h, err := w.mux.Handler("wallet.create_transfers")
			if err != nil {
				b.Fatal(err)
			}
			w.state.Time = time.Date(2026, 11, 2, 9, 30, 0, 0, time.UTC)
			b.ReportAllocs()
			before := cpu(b)
			tx := &fast{w.state, make(map[string][]byte, 4096)}
			for b.Loop() {
				clear(tx.writes)
				if _, err := h(tx, body); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N)/512, "cpu-ns/transfer")
		})
	}
}

// cpu is the processor time the process has used, on all cores: neighbours do not count, the collector does.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// The rules alone: 512 dealings of one command, of 256 members.
func BenchmarkJudge(b *testing.B) {
	s, _ := New()
	tx := &fast{edgetest.New(edge.Actor{}, time.Date(2026, 11, 2, 9, 30, 0, 0, time.UTC)), make(map[string][]byte, 1024)}
	deals := make([]ledger.Dealing, 512)
	for n := range deals {
		party := func(n int) ledger.Party {
			x, _ := edge.ParseID(id(n))
			return ledger.Party{ID: x, Kind: member, Tier: 2}
		}
		deals[n] = ledger.Dealing{Legs: []ledger.DealingLeg{{Debit: party(n % 256), Credit: party(n*7%256 + 1), Asset: "IDR", Fund: "amanah", Amount: amount.Of(5)}}}
	}
	before := cpu(b)
	b.ReportAllocs()
	for b.Loop() {
		j, err := s.Begin(tx)
		if err != nil {
			b.Fatal(err)
		}
		for i := range deals {
			j.Mark()
			if _, err := j.Judge(&deals[i]); err != nil {
				b.Fatal(err)
			}
		}
		if err := j.Finish(); err != nil {
			b.Fatal(err)
		}
		if len(tx.Rows) == 0 {
			maps.Copy(tx.Rows, tx.writes) // something moved before
		}
		clear(tx.writes)
	}
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N)/512, "cpu-ns/transfer")
}
