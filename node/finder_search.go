package node

import (
	"cmp"
	"context"
	"slices"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/api/searchv1"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/policy"
	fulltext "github.com/aielon/edge/node/search"
)

// searchTime is how long one search may take. A caller who waits longer has asked for too much.
const searchTime = 5 * time.Second

// suggested is how many words a suggestion holds where the caller does not say.
const suggested = 8

// A searchScope is one kind of things a search may look among.
type searchScope struct {
	kind  string          // as callers know it
	in    []string        // in the index
	all   edge.Permission // to see all of them
	self  edge.Permission // to see one's own
	class edge.Class      // of the highest of them
}

func searchScopes() []searchScope {
	return []searchScope{
		{kindPerson, []string{kindPerson}, "identity.read", "identity.whoami", edge.Personal},
		{kindDevice, []string{kindDevice}, "devices.read", "", edge.SiteOnly},
		{kindAudit, []string{kindAudit, kindOwn}, "audit.read", "audit.read", edge.Personal},
	}
}

// seen is what a caller may search.
type seen struct {
	grants []fulltext.Grant
	by     map[string]policy.Decision // kinds of the index of which showing leaves a record
}

// mayFind asks the site's policies what a caller may search, kind by kind: all, what is the caller's own, or nothing.
func (n *Node) mayFind(r call.Request, kinds []string) (s seen, err error) {
	s.by = map[string]policy.Decision{}
	for _, x := range searchScopes() {
		if len(kinds) > 0 && !slices.Contains(kinds, x.kind) {
			continue
		}
		d, err := n.front.guard.May(r, x.all, policy.Object{Type: x.kind, Class: x.class})
		owner := ""
		if err == nil && !d.Allow && x.self != "" && r.Caller.Kind == edge.Person {
			owner = r.Caller.ID
			d, err = n.front.guard.May(r, x.self, policy.Object{Type: x.kind, ID: owner, Owner: owner, Class: x.class})
		}
		if err != nil {
			return s, err
		}
		if !d.Allow {
			continue
		}
		for _, in := range x.in {
			s.grants = append(s.grants, fulltext.Grant{Kind: in, Class: x.class, Owner: owner})
			if d.Audit && owner == "" {
				s.by[in] = d
			}
		}
	}
	return s, nil
}

// checkKinds refuses kinds that there are not.
func checkKinds(kinds []string) error {
	for _, k := range kinds {
		if !slices.ContainsFunc(searchScopes(), func(x searchScope) bool { return x.kind == k }) {
			return edge.E(edge.Invalid, "nothing of the kind %q can be searched for", k).WithHint("ask for person, device or audit")
		}
	}
	return nil
}

// searchFor finds what a caller may see. That somebody was shown things about people is on record first.
func (n *Node) searchFor(ctx context.Context, in *searchv1.SearchRequest) (*searchv1.SearchResponse, error) {
	r := call.From(ctx)
	if err := checkKinds(in.GetKinds()); err != nil {
		return nil, err
	}
	may, err := n.mayFind(r, in.GetKinds())
	if err != nil {
		return nil, err
	}
	look, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	res, err := n.finder.index.Search(look, fulltext.Query{Text: in.GetQ(), Lang: in.GetLang(), Grants: may.grants, Limit: int(in.GetPageSize()), Cursor: in.GetPageToken()})
	if err != nil {
		return nil, err
	}
	noted := map[string]bool{}
	for _, h := range res.Hits {
		d, must := may.by[h.Kind]
		if kind := shownKind(h.Kind); must && !noted[kind] {
			noted[kind] = true
			if err := n.front.guard.Shown(ctx, r, "search.search", policy.Object{Type: kind, Class: edge.Personal}, d); err != nil {
				return nil, err
			}
		}
	}
	return foundMessage(res), nil
}

// suggest completes words of what can be shown without a record of it.
func (n *Node) suggest(ctx context.Context, in *searchv1.SuggestRequest) (*searchv1.SuggestResponse, error) {
	if err := checkKinds(in.GetKinds()); err != nil {
		return nil, err
	}
	may, err := n.mayFind(call.From(ctx), in.GetKinds())
	if err != nil {
		return nil, err
	}
	free := slices.DeleteFunc(may.grants, func(g fulltext.Grant) bool { _, must := may.by[g.Kind]; return must })
	words, err := n.finder.index.Suggest(ctx, fulltext.Query{Text: in.GetQ(), Lang: in.GetLang(), Grants: free}, cmp.Or(int(in.GetPageSize()), suggested))
	return &searchv1.SuggestResponse{Words: words}, err
}

// shownKind is what callers call a kind of the index.
func shownKind(in string) string {
	if in == kindOwn {
		return kindAudit
	}
	return in
}

func foundMessage(res fulltext.Result) *searchv1.SearchResponse {
	out := &searchv1.SearchResponse{NextPageToken: res.Next, Total: int32(res.Total), Partial: res.Partial}
	for _, h := range res.Hits {
		out.Hits = append(out.Hits, hitMessage(h))
	}
	counts := map[string]int{}
	for k, n := range res.Kinds {
		counts[shownKind(k)] += n
	}
	for _, x := range searchScopes() {
		if n := counts[x.kind]; n > 0 {
			out.Kinds = append(out.Kinds, &searchv1.KindCount{Kind: x.kind, Count: int32(n)})
		}
	}
	for _, c := range res.Corrections {
		out.Corrections = append(out.Corrections, &searchv1.Correction{Word: c.Word, Taken: c.For})
	}
	return out
}

func hitMessage(h fulltext.Hit) *searchv1.Hit {
	out := &searchv1.Hit{Kind: shownKind(h.Kind), Id: h.ID, Title: h.Title, TitleMarks: marksMessage(h.Title, h.Marks), Link: hitLink(h.Document), Score: h.Score}
	if out.Kind == kindAudit {
		out.Id = h.Kind + ":" + field(h.Document, "position")
	}
	if !h.Time.IsZero() {
		out.Time = timestamppb.New(h.Time)
	}
	for _, s := range h.Snippets {
		out.Snippets = append(out.Snippets, &searchv1.Snippet{Field: s.Field, Text: s.Text, Marks: marksMessage(s.Text, s.Marks)})
	}
	return out
}

// marksMessage turns ranges of bytes into ranges of characters, which programs in any language can count.
func marksMessage(text string, marks [][2]int) (list []*searchv1.Mark) {
	for _, m := range marks {
		from := utf8.RuneCountInString(text[:m[0]])
		list = append(list, &searchv1.Mark{Start: int32(from), End: int32(from + utf8.RuneCountInString(text[m[0]:m[1]]))})
	}
	return list
}
