package wallet

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A meter adds up what a command costs a site, as cluster/site counts it: 256 bytes for each row besides its own, 64
// for each event.
type meter struct {
	*edgetest.State
	cost int
}

func (m *meter) Set(k, v []byte) {
	m.State.Set(k, v)
	m.cost += len(k) + len(v) + 256
}

func (m *meter) Emit(e edge.Event) {
	m.State.Emit(e)
	m.cost += len(e.Type) + len(e.Subject) + len(e.Body) + 64
}

// A part of a large batch is a command the site can take, also where each transfer is between two accounts that no
// other one touches, with the longest notes.
func TestPartFitsOneCommand(t *testing.T) {
	const room = 512 << 10 / 2 // of what one command may cost, half
	mux, s := edge.NewMux(), New()
	s.Register(mux)
	m := &meter{State: edgetest.New(edge.Actor{Kind: edge.Person, ID: "officer"}, time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC))}
	do := func(op string, in proto.Message) []byte {
		t.Helper()
		h, err := mux.Handler(op)
		if err != nil {
			t.Fatal(err)
		}
		body, err := proto.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := h(m, body)
		if err != nil {
			t.Fatal(err)
		}
		return reply
	}
	in := &walletv1.CreateTransfersRequest{}
	method, _ := api.MethodOf(in.ProtoReflect().Descriptor())
	none := ""
	for n := range int(api.RuleOf(method).GetPartsSize()) {
		var ids [2]string
		for i := range ids {
			ids[i] = edge.NewID().String()
			do("wallet.open_account", &walletv1.OpenAccountRequest{Id: ids[i], Kind: walletv1.AccountKind_MEMBER, Owner: fmt.Sprint("person-", n, i), Asset: "IDR", Floor: &none})
		}
		in.Items = append(in.Items, &walletv1.Item{Action: &walletv1.Item_Transfer{Transfer: &walletv1.NewTransfer{Id: edge.NewID().String(), Debit: ids[0], Credit: ids[1], Amount: "1250",
			Memo: fmt.Sprintf("%0140d", n), Reference: fmt.Sprintf("%064d", n)}}})
	}
	m.cost = 0
	reply := do("wallet.create_transfers", in)
	out := &walletv1.CreateTransfersResponse{}
	if err := proto.Unmarshal(reply, out); err != nil {
		t.Fatal(err)
	}
	for _, i := range out.Items {
		if i.Result.Status != walletv1.TransferStatus_POSTED {
			t.Fatal(i.Result)
		}
	}
	if cost := m.cost + len(reply); cost > room {
		t.Errorf("%d transfers cost %d bytes, %d are meant to be enough", len(in.Items), cost, room)
	} else {
		t.Logf("%d transfers cost %d bytes", len(in.Items), cost)
	}
}
