package guard

import (
	"slices"
	"sync"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/policy"
)

// things asks q of every thing an access names: all of them must be allowed. It returns the first refusal, with the id
// of what was refused where there are several, or what the permissions come to together.
func (g *Guard) things(a gateway.Access, q policy.Request) (d policy.Decision, refused string, err error) {
	typ := a.Method.Rule.GetObject()
	asks := g.o.Owner != nil && !g.unowned.has(typ)
	if len(a.Objects) == 0 && (a.Object == "" || !asks) {
		d, err = g.decide(q)
		return d, "", err
	}
	ids := named(a)
	var owners []string
	if asks {
		if owners, err = g.owners(typ, ids); err != nil {
			return d, "", err
		}
	}
	for i, id := range ids {
		one := q
		switch one.Object.ID = id; {
		case owners != nil:
			one.Object.Owner = owners[i]
		case id != a.Object && (typ == "device" || typ == "person"):
			one.Object.Owner = id
		}
		if edge.Class(a.Method.Rule.GetClass()) >= edge.Clinical && id != a.Object {
			one.Object.Subject = id
			if one.Context.Consent, one.Context.BreakGlass, err = g.about(id, q.Caller.ID); err != nil {
				return d, "", err
			}
		}
		r, err := g.decide(one)
		if err != nil {
			return r, "", err
		}
		if !r.Allow {
			if len(ids) > 1 {
				refused = id
			}
			return r, refused, nil
		}
		d = both(d, r, i == 0)
	}
	return d, "", nil
}

// named are the ids of all things an access names, each once.
func named(a gateway.Access) []string {
	if a.Object == "" || slices.Contains(a.Objects, a.Object) {
		return a.Objects
	}
	return append([]string{a.Object}, a.Objects...)
}

// owners finds whose things of a type are, in one view; nil where nobody knows owners of that type.
func (g *Guard) owners(typ string, ids []string) (owners []string, err error) {
	err = g.o.View(func(v edge.View) error {
		for _, id := range ids {
			owner, known, err := g.o.Owner(v, typ, id)
			switch {
			case err != nil:
				return err
			case !known:
				g.unowned.add(typ)
				owners = nil
				return nil
			}
			owners = append(owners, owner)
		}
		return nil
	})
	return owners, err
}

// types are types of things, as many as the schemas have at the most. A view is not opened for those whose owners nobody
// knows.
type types struct {
	mu   sync.RWMutex // guards list
	list []string
}

func (t *types) has(typ string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Contains(t.list, typ)
}

func (t *types) add(typ string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.list, typ) {
		t.list = append(t.list, typ)
	}
}

// both is what two permissions come to: what either leaves a record of leaves one, by the policies of both.
func both(d, r policy.Decision, first bool) policy.Decision {
	if first {
		return r
	}
	d.Audit = d.Audit || r.Audit
	if d.BreakGlass == "" {
		d.BreakGlass = r.BreakGlass
	}
	for _, p := range r.Policies {
		if i, there := slices.BinarySearch(d.Policies, p); !there {
			d.Policies = slices.Insert(d.Policies, i, p)
		}
	}
	return d
}
