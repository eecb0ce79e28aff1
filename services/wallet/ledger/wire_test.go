package ledger

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

func anyText(t *rapid.T, name string) string {
	return rapid.OneOf(rapid.Just(""), rapid.StringMatching("[a-z0-9]{1,30}"), rapid.String()).Draw(t, name)
}

func anyTransfer(t *rapid.T) *walletv1.NewTransfer {
	in := &walletv1.NewTransfer{Id: anyText(t, "id"), Debit: anyText(t, "debit"), Credit: anyText(t, "credit"), Amount: anyText(t, "amount"), Asset: anyText(t, "asset"),
		Hold: rapid.Bool().Draw(t, "hold"), TimeoutSeconds: rapid.Uint32().Draw(t, "timeout"), Purpose: anyText(t, "purpose"), Memo: anyText(t, "memo"),
		Reference: anyText(t, "reference"), Mcc: anyText(t, "mcc"), Document: anyText(t, "document"), Balancing: rapid.Bool().Draw(t, "balancing")}
	for range rapid.IntRange(0, 3).Draw(t, "legs") {
		in.Legs = append(in.Legs, &walletv1.Leg{Debit: anyText(t, "d"), Credit: anyText(t, "c"), Amount: anyText(t, "a")})
	}
	return in
}

// What is read by hand is what the schema says, field by field.
func TestReadByHand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var item walletv1.Item
		switch rapid.IntRange(0, 3).Draw(t, "action") {
		case 1:
			item.Action = &walletv1.Item_Transfer{Transfer: anyTransfer(t)}
		case 2:
			item.Action = &walletv1.Item_Post{Post: &walletv1.NewPost{Id: anyText(t, "id"), Hold: anyText(t, "about"), Amount: anyText(t, "amount")}}
		case 3:
			item.Action = &walletv1.Item_Void{Void: &walletv1.NewVoid{Id: anyText(t, "id"), Hold: anyText(t, "about")}}
		}
		for range rapid.IntRange(0, 2).Draw(t, "linked") {
			item.Linked = append(item.Linked, &walletv1.Step{Action: &walletv1.Step_Transfer{Transfer: anyTransfer(t)}})
		}
		b, err := proto.Marshal(&item)
		if err != nil {
			t.Fatal(err)
		}
		var r request
		linked := 0
		if err := readStep(b, &r, func(step []byte) {
			var again request
			if err := readStep(step, &again, nil); err != nil {
				t.Fatal(err)
			}
			sameRequest(t, &again, &walletv1.Item{Action: &walletv1.Item_Transfer{Transfer: item.Linked[linked].GetTransfer()}})
			linked++
		}); err != nil {
			t.Fatal(err)
		}
		if linked != len(item.Linked) {
			t.Fatalf("%d linked, want %d", linked, len(item.Linked))
		}
		sameRequest(t, &r, &item)
	})
}

// sameRequest asserts that what was read is what a message says.
func sameRequest(t *rapid.T, r *request, item *walletv1.Item) {
	got := walletv1.Item{}
	switch r.what {
	case 't':
		tr := &walletv1.NewTransfer{Id: string(r.id), Debit: string(r.debit), Credit: string(r.credit), Amount: string(r.amount), Asset: string(r.asset), Hold: r.hold, TimeoutSeconds: uint32(r.timeout),
			Purpose: string(r.purpose), Memo: string(r.memo), Reference: string(r.reference), Mcc: string(r.mcc), Document: string(r.doc), Balancing: r.balancing}
		for _, b := range r.legs {
			d, c, a, err := readLeg(b)
			if err != nil {
				t.Fatal(err)
			}
			tr.Legs = append(tr.Legs, &walletv1.Leg{Debit: string(d), Credit: string(c), Amount: string(a)})
		}
		got.Action = &walletv1.Item_Transfer{Transfer: tr}
	case 'p':
		got.Action = &walletv1.Item_Post{Post: &walletv1.NewPost{Id: string(r.id), Hold: string(r.about), Amount: string(r.amount)}}
	case 'v':
		got.Action = &walletv1.Item_Void{Void: &walletv1.NewVoid{Id: string(r.id), Hold: string(r.about)}}
	}
	if want := (&walletv1.Item{Action: item.Action}); !proto.Equal(&got, want) {
		t.Fatalf("%v, want %v", &got, want)
	}
}

// What is written by hand reads as what it is about.
func TestWrittenByHand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var results []done
		want := &walletv1.CreateTransfersResponse{}
		var b []byte
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			results = results[:0]
			for range rapid.IntRange(1, 3).Draw(t, "steps") {
				d := done{status: walletv1.TransferStatus(rapid.IntRange(1, 6).Draw(t, "status")), replayed: rapid.Bool().Draw(t, "replayed")}
				if rapid.Bool().Draw(t, "named") {
					d.id = edge.NewID()
				}
				if d.block = rapid.Uint64Range(0, 1).Draw(t, "done"); d.block == 0 {
					d.code, d.detail = rapid.StringMatching("[a-z_]{0,200}").Draw(t, "code"), rapid.String().Draw(t, "detail")
				}
				results = append(results, d)
			}
			b = appendItemResult(b, results)
			item := &walletv1.ItemResult{}
			for i := range results {
				d := &results[i]
				r := &walletv1.StepResult{Replayed: d.replayed}
				r.Status, r.Code, r.Detail = d.result()
				if !d.id.IsZero() {
					r.Id = d.id.String()
				}
				if i == 0 {
					item.Result = r
				} else {
					item.Linked = append(item.Linked, r)
				}
			}
			want.Items = append(want.Items, item)
		}
		got := &walletv1.CreateTransfersResponse{}
		if err := proto.Unmarshal(b, got); err != nil || !proto.Equal(got, want) {
			t.Fatalf("%v, %v; want %v", got, err, want)
		}
	})
}

// No bytes upset the reader, and what the library refuses is refused here or does no harm: a batch of anything leaves a
// ledger that recomputes.
func FuzzCreateTransfers(f *testing.F) {
	seed, _ := proto.Marshal(&walletv1.CreateTransfersRequest{Items: []*walletv1.Item{
		{Action: &walletv1.Item_Transfer{Transfer: &walletv1.NewTransfer{Id: id(10), Debit: id(1), Credit: id(2), Amount: "5"}}},
		{Action: &walletv1.Item_Post{Post: &walletv1.NewPost{Id: id(11), Hold: id(10), Amount: "5"}}, Linked: []*walletv1.Step{{Action: &walletv1.Step_Void{Void: &walletv1.NewVoid{Id: id(12), Hold: id(10)}}}}},
	}})
	f.Add(seed)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		w := newWorld(t)
		w.open(1, cashKind, "amanah")
		w.open(2, memberKind, "")
		reply, err := w.s.createTransfers(w.state, b)
		if err != nil && !edge.IsKind(err, edge.Invalid) {
			t.Fatal(err)
		}
		if err == nil && proto.Unmarshal(reply, &walletv1.CreateTransfersResponse{}) != nil {
			t.Fatalf("%x cannot be read", reply)
		}
		if err == nil {
			w.check()
		}
	})
}
