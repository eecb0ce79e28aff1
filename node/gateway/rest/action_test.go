package rest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aielon/edge/node/gateway/method"
)

// Where there are only actions, what names none of them is nothing.
func TestOnlyActions(t *testing.T) {
	served := ""
	a := actions{}
	for _, path := range []string{"/v1/holds/{id}:post", "/v1/holds/{id}:void", "/v1/cards/{kind}/all"} {
		a.add(method.Route{Verb: "POST", Path: path}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			served = path + " " + r.PathValue("id") + r.PathValue("kind")
		}))
	}
	mux := http.NewServeMux()
	a.mount(mux)
	for path, want := range map[string]string{"/v1/holds/h1:post": "/v1/holds/{id}:post h1", "/v1/holds/h1:void": "/v1/holds/{id}:void h1", "/v1/cards/red/all": "/v1/cards/{kind}/all red",
		"/v1/holds/h1": "", "/v1/holds/h1:": "", "/v1/holds/post": "", "/v1/holds/h1:post:": ""} {
		served = ""
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("POST", path, nil))
		if served != want || (w.Code == http.StatusNotFound) != (want == "") {
			t.Errorf("%s: %q, %d", path, served, w.Code)
		}
	}
}
