package openapi

import (
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/method"
)

// refusals are the answers that stand for an error, by status.
func refusals() map[int]string {
	return map[int]string{
		400: "The request can never succeed as it is; detail says why.",
		401: "Nobody is signed in, or no more. Signing in helps.",
		403: "Whoever asks may not do that.",
		404: "What it names does not exist, or may not be known to exist.",
		409: "It clashes with the present state, or its Idempotency-Key was used for another request.",
		412: "What it is about has another version than If-Match says.",
		413: "The request is longer than the node takes.",
		415: "The body is in no form that is taken.",
		422: "It is understood, and a rule forbids it as things are. code says which, facts what that stood on.",
		429: "Too much was asked for. Retry-After says when to come again.",
		500: "Something went wrong inside the node; instance names the request in its log.",
		503: "Not now. The outcome may be unknown: try again with the same Idempotency-Key.",
		507: "A limit of the site or its disk is reached, or there is no room for the audit record.",
	}
}

// answers are what a method may be answered with.
func (b *builder) answers(op *operation, m *method.Method, r method.Route) {
	command, open := !m.Query, m.Rule.GetOpen()
	op.Responses["200"] = b.success(m, r)
	if m.CanPend() {
		pending := b.success(m, r)
		delete(pending.Content, "application/x-ndjson") // lines say it each for itself
		pending.Description = "It is taken, and not finished: " + m.Rule.GetPendingField() + " says how far it has come."
		op.Responses["202"] = pending
	}
	if m.Query && !m.Stream {
		op.Responses["304"] = response{Description: "It is what If-None-Match names."}
	}
	if command && !m.Stream {
		op.Responses["204"] = response{Description: "It is done, and Prefer asked for no more than that.", Headers: b.successHeaders(m, false)}
	}
	for status, when := range map[int]bool{400: true, 401: !open, 403: !open, 404: m.Rule.GetObjectField() != "" || len(m.Rule.GetObjectFields()) > 0 || len(pathFields(r.Path)) > 0, 409: command, 412: versioned(m),
		413: r.Body != "", 415: r.Body != "", 422: command, 429: true, 500: true, 503: true, 507: command || m.Rule.GetAudited()} {
		if when {
			b.refusal(op, status)
		}
	}
}

func (b *builder) refusal(op *operation, status int) {
	name := strconv.Itoa(status)
	out := response{Description: refusals()[status], Content: map[string]media{"application/problem+json": {Schema: &schema{Ref: "#/components/schemas/Problem"}}}}
	switch status {
	case 401:
		out.Headers = map[string]header{"WWW-Authenticate": b.header("WWW-Authenticate")}
	case 429:
		out.Headers = map[string]header{call.RetryAfter: b.header(call.RetryAfter)}
	}
	b.doc.Components.Responses[name] = out
	op.Responses[name] = response{Ref: "#/components/responses/" + name}
}

// success is the answer of a method that went well.
func (b *builder) success(m *method.Method, r method.Route) response {
	if isFile(m) {
		return response{Description: "The bytes of the file.", Content: map[string]media{"application/octet-stream": {Schema: &schema{Type: "string", ContentMediaType: "application/octet-stream"}}}}
	}
	d := m.Desc.Output()
	s, ex := b.message(d, got), b.exampleOf(d, got, 0)
	if f := d.Fields().ByName(protoreflect.Name(r.ResponseBody)); r.ResponseBody != "" && f != nil {
		s, ex = b.field(f, got), b.example(f)
	}
	if m.Stream {
		name := string(d.Name())
		return response{Description: "A stream that lasts until either side ends it.", Content: map[string]media{
			"application/x-ndjson": {Schema: s, Example: ex},
			"text/event-stream":    {Schema: &schema{Type: "string", Description: "Server-sent events. The data of each is one " + name + " as JSON; an event called error holds a Problem and is the last."}},
		}}
	}
	text := b.comments.of(d)
	switch {
	case text == "" && m.Query:
		text = "What was asked for."
	case text == "":
		text = "It is done."
	}
	out := response{Description: text, Headers: b.successHeaders(m, true), Content: map[string]media{"application/json": {Schema: s, Example: ex}}}
	if _, item := m.Items(); inLines(m, r) {
		out.Content["application/x-ndjson"] = media{Schema: b.message(item.Message(), got), Example: b.exampleOf(item.Message(), got, 0)}
	}
	return out
}

func (b *builder) successHeaders(m *method.Method, full bool) map[string]header {
	h := map[string]header{}
	add := func(name string, when bool) {
		if when {
			h[name] = b.header(name)
		}
	}
	site := m.Rule.GetHome() == api.Home_HOME_SITE
	add("ETag", full)
	add("Link", full && m.Query && m.Desc.Output().Fields().ByName("next_page_token") != nil)
	add(call.Index, site)
	add(call.Position, site && !m.Query)
	add(call.Again, site && !m.Query)
	add(call.Replayed, site && !m.Query)
	if len(h) == 0 {
		return nil
	}
	return h
}

// header refers to a header of answers.
func (b *builder) header(name string) header {
	text := map[string]string{
		"ETag":             "Names these bytes. It begins with the version of what they show, where that has one.",
		"Link":             "The address of the next page, with rel=\"next\" (RFC 8288). Absent on the last.",
		"WWW-Authenticate": "How to prove who asks.",
		call.RetryAfter:    "Seconds to wait.",
		call.Index:         "The commit index of the site that the answer stands on; give it to Aielon-Read-After elsewhere.",
		call.Position:      "The place of the command in the site's ledger journal.",
		call.Again:         "true: this is the answer an earlier try of the same command was given.",
		call.Replayed:      "true: this is the answer an earlier request with the same Idempotency-Key was given.",
	}[name]
	s := &schema{Type: "string"}
	if name == call.RetryAfter {
		s = &schema{Type: "integer", Minimum: new(int64(1))}
	}
	b.doc.Components.Headers[name] = header{Description: text, Schema: s}
	return header{Ref: "#/components/headers/" + name}
}

// headerParameters are the headers of requests, by their names.
func headerParameters() map[string]parameter {
	list := map[string]parameter{
		call.Idempotency: {Description: "Makes a retry harmless: the same key for the same request is done once and answered alike. Another request under it is refused with 409.",
			Schema: &schema{Type: "string", MinLength: 1, MaxLength: 128}, Example: "order-2026-11-23-0001"},
		call.IfMatch:     {Description: "Only if what it is about still has this ETag.", Schema: &schema{Type: "string"}, Example: `"3-q3S0dZ1xV2bT7c0m"`},
		"If-None-Match":  {Description: "Answer 304 where the answer still has this ETag.", Schema: &schema{Type: "string"}, Example: `"q3S0dZ1xV2bT7c0m"`},
		"Prefer":         {Description: "return=minimal answers 204 and no body (RFC 7240).", Schema: &schema{Type: "string"}, Example: "return=minimal"},
		call.ReadAfter:   {Description: "Wait until the node has this index, five seconds at the most.", Schema: &schema{Type: "string", Pattern: "^[0-9]{1,20}$"}, Example: "4711"},
		call.Consistency: {Description: "linearizable: everything that was acknowledged before is seen. local: what this node has.", Schema: &schema{Type: "string", Enum: []string{"local", "linearizable"}}, Example: "local"},
	}
	for name, p := range list {
		p.Name, p.In = name, "header"
		list[name] = p
	}
	return list
}
