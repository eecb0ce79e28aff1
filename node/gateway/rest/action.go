package rest

import (
	"net/http"
	"strings"

	"github.com/aielon/edge/node/gateway/method"
)

// actions are the routes of a door by their patterns. A path may end in a field and the name of an action,
// "/v1/holds/{id}:post" (google.api.http calls that a verb): routes that differ in nothing else share a pattern.
type actions map[string]*action

type action struct {
	field string
	plain http.Handler            // without an action; nil where there is none
	by    map[string]http.Handler // nil where the path has no actions
}

func (a actions) add(r method.Route, h http.Handler) {
	path, field, name := r.Path, "", ""
	if i := strings.LastIndex(path, "}:"); i > strings.LastIndexByte(path, '/') {
		path, name = path[:i+1], path[i+2:]
		field = path[strings.LastIndexByte(path, '{')+1 : i]
	}
	at := a[r.Verb+" "+path]
	if at == nil {
		at = &action{}
		a[r.Verb+" "+path] = at
	}
	if name == "" {
		at.plain = h
		return
	}
	if at.by == nil {
		at.by = map[string]http.Handler{}
	}
	at.field, at.by[name] = field, h
}

func (a actions) mount(mux *http.ServeMux) {
	for pattern, at := range a {
		if at.by == nil {
			mux.Handle(pattern, at.plain)
			continue
		}
		mux.Handle(pattern, at)
	}
}

// ServeHTTP serves the action behind the last colon, where it is one.
func (a *action) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text := r.PathValue(a.field)
	if i := strings.LastIndexByte(text, ':'); i >= 0 && a.by[text[i+1:]] != nil {
		r.SetPathValue(a.field, text[:i])
		a.by[text[i+1:]].ServeHTTP(w, r)
		return
	}
	if a.plain == nil {
		nothing(w, r)
		return
	}
	a.plain.ServeHTTP(w, r)
}
