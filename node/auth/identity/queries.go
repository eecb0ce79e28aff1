package identity

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/edge"
)

const (
	pageSize    = 100
	maxPageSize = 1000
)

// page reads rows under a prefix whose keys come after a token, as many as were asked for, and says where the
// next page begins.
func page[T any](v edge.View, prefix, after string, size int32, want func(T) bool) (rows []T, next string, err error) {
	n := int(size)
	if n <= 0 {
		n = pageSize
	}
	n = min(n, maxPageSize)
	last := ""
	for k, b := range edge.ScanFrom(v, []byte(prefix), []byte(prefix+after)) {
		id := strings.TrimPrefix(string(k), prefix)
		if id <= after {
			continue
		}
		var row T
		if err := json.Unmarshal(b, &row); err != nil {
			return nil, "", edge.E(edge.Corrupt, "a row of identity cannot be read: %w", err)
		}
		if !want(row) {
			continue
		}
		if len(rows) == n {
			return rows, last, v.Err()
		}
		rows, last = append(rows, row), id
	}
	return rows, "", v.Err()
}

func each[T any](T) bool { return true }

func listPeople(v edge.View, in *identityv1.ListPeopleRequest) (*identityv1.ListPeopleResponse, error) {
	rows, next, err := page(v, people, in.PageToken, in.PageSize, func(p person) bool { return in.Role == "" || slices.Contains(p.Roles, in.Role) })
	out := &identityv1.ListPeopleResponse{NextPageToken: next}
	for _, p := range rows {
		out.People = append(out.People, show(p))
	}
	return out, err
}

func getPerson(v edge.View, in *identityv1.GetPersonRequest) (*identityv1.Person, error) {
	id, err := edge.ParseID(in.Id)
	if err != nil {
		return nil, edge.E(edge.NotFound, "there is no such person")
	}
	p, err := loadPerson(v, id)
	if err != nil {
		return nil, err
	}
	return show(p), nil
}

func listInvitations(v edge.View, in *identityv1.ListInvitationsRequest) (*identityv1.ListInvitationsResponse, error) {
	rows, next, err := page(v, invitations, in.PageToken, in.PageSize, each[invitation])
	out := &identityv1.ListInvitationsResponse{NextPageToken: next}
	for _, i := range rows {
		out.Invitations = append(out.Invitations, showInvitation(i))
	}
	return out, err
}

func listSessions(v edge.View, in *identityv1.ListSessionsRequest) (*identityv1.ListSessionsResponse, error) {
	rows, next, err := page(v, sessions, in.PageToken, in.PageSize, func(s session) bool { return in.Person == "" || s.Person.String() == in.Person })
	out := &identityv1.ListSessionsResponse{NextPageToken: next}
	for _, s := range rows {
		out.Sessions = append(out.Sessions, showSession(s, edge.ID{}))
	}
	return out, err
}

func listTokens(v edge.View, in *identityv1.ListTokensRequest) (*identityv1.ListTokensResponse, error) {
	rows, next, err := page(v, tokens, in.PageToken, in.PageSize, each[tokenRow])
	out := &identityv1.ListTokensResponse{NextPageToken: next}
	for _, t := range rows {
		out.Tokens = append(out.Tokens, showToken(t))
	}
	return out, err
}
