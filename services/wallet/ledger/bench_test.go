package ledger

import (
	"bytes"
	"fmt"
	"iter"
	"runtime"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A memory is what a leader has at hand: the rows of before, of which those of accounts, totals and the head are looked
// at again, and what one command writes on top of them. Rows that nobody looks at again (identifiers, blocks, history)
// are dropped once the command is done: they would lie on disk.
type memory struct {
	rows   map[string][]byte
	writes map[string][]byte
	now    time.Time
	events int
}

var errNone = edge.E(edge.NotFound, "there is no such key")

func (m *memory) Get(key []byte) ([]byte, error) {
	if v, ok := m.writes[string(key)]; ok {
		return v, nil
	}
	if v, ok := m.rows[string(key)]; ok {
		return v, nil
	}
	return nil, errNone
}
func (m *memory) Scan([]byte) iter.Seq2[[]byte, []byte] { return func(func(k, v []byte) bool) {} }
func (m *memory) Err() error                            { return nil }
func (m *memory) Index() uint64                         { return 0 }
func (m *memory) Set(key, value []byte)                 { m.writes[string(key)] = bytes.Clone(value) }
func (m *memory) Delete(key []byte)                     { delete(m.writes, string(key)) }
func (m *memory) Emit(edge.Event)                       { m.events++ }
func (m *memory) Now() time.Time                        { m.now = m.now.Add(time.Microsecond); return m.now }
func (m *memory) Actor() edge.Actor                     { return edge.Actor{Kind: edge.Person, ID: "p"} }

// land ends a command.
func (m *memory) land() {
	for k, v := range m.writes {
		if c := k[len(prefix)]; c == rowAccount || c == rowTotal || c == rowMeta || c == rowAbout {
			m.rows[k] = v
		}
	}
	clear(m.writes)
}

// BenchmarkEvaluate is the evaluation path alone: the command's bytes decoded, every check made, every row and the
// event written to memory. One operation is one transfer; batches are of 1, 50 and 512, over 1,000 accounts.
func BenchmarkEvaluate(b *testing.B) {
	for _, size := range []int{1, 50, 512} {
		b.Run(fmt.Sprintf("batch-%d", size), func(b *testing.B) {
			h, m, accounts := benchLedger(b)
			bodies := benchBodies(b, size, accounts, (b.N+size-1)/size)
			b.ReportAllocs()
			runtime.GC()
			b.ResetTimer()
			before := cpu(b)
			for _, body := range bodies {
				if _, err := h(m, body); err != nil {
					b.Fatal(err)
				}
				m.land()
			}
			b.ReportMetric(float64(b.N)/(cpu(b)-before).Seconds(), "transfers/s-core")
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

func benchLedger(b *testing.B) (edge.Handler, *memory, []string) {
	mux := edge.NewMux()
	New(nil).Register(mux)
	m := &memory{rows: map[string][]byte{}, writes: map[string][]byte{}, now: time.Unix(1_790_000_000, 0)}
	open, err := mux.Handler("wallet.open_account")
	if err != nil {
		b.Fatal(err)
	}
	var accounts []string
	for n := range 1000 {
		none := ""
		body, _ := proto.Marshal(&walletv1.OpenAccountRequest{Id: id(n), Kind: memberKind, Asset: "IDR", Owner: fmt.Sprint("p", n), Floor: &none, Fund: "general"})
		if _, err := open(m, body); err != nil {
			b.Fatal(err)
		}
		m.land()
		accounts = append(accounts, id(n))
	}
	h, err := mux.Handler("wallet.create_transfers")
	if err != nil {
		b.Fatal(err)
	}
	return h, m, accounts
}

func benchBodies(b *testing.B, size int, accounts []string, n int) (bodies [][]byte) {
	b.Helper()
	k := 0
	for range n {
		in := &walletv1.CreateTransfersRequest{}
		for range size {
			k++
			in.Items = append(in.Items, &walletv1.Item{Action: &walletv1.Item_Transfer{Transfer: &walletv1.NewTransfer{
				Id: edge.NewID().String(), Debit: accounts[k*7%1000], Credit: accounts[(k*13+1)%1000], Amount: "1250"}}})
			if t := in.Items[len(in.Items)-1].GetTransfer(); t.Debit == t.Credit {
				t.Credit = accounts[(k*13+2)%1000]
			}
		}
		body, err := proto.Marshal(in)
		if err != nil {
			b.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	return bodies
}
