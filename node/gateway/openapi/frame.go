package openapi

const about = `Everything a node does can be asked for over REST as described here, and over gRPC, gRPC-Web, Connect, GraphQL (/graphql) and
JSON-RPC over WebSocket (/ws) by the same names and under the same rules.

Fields that are empty, zero or false are left out of answers. Whole numbers of 64 bits are strings. Times are RFC 3339. What nobody knows is refused, not
overlooked. Errors are problem details (RFC 9457) with a sentence for people in detail, often with a hint of what to do.`

// frame is a document without operations.
func frame(o Options) *document {
	d := &document{OpenAPI: "3.1.0", Servers: []server{{URL: "/", Description: "The node that serves this document."}}, Paths: map[string]map[string]*operation{},
		Info: info{Title: o.Title, Version: o.Version, Summary: "What this node answers.", Description: about,
			Contact: map[string]string{"name": "Whoever runs this node"}, License: map[string]string{"name": "Apache-2.0", "identifier": "Apache-2.0"}},
		Security: []map[string][]string{{"bearer": {}}, {"cookie": {}}}}
	d.Components = components{Schemas: map[string]*schema{"Problem": problemSchema()}, Responses: map[string]response{}, Parameters: map[string]parameter{}, Headers: map[string]header{},
		SecuritySchemes: map[string]securityScheme{
			"bearer": {Type: "http", Scheme: "bearer", Description: "A service token or an access token, in the Authorization header. Never in an address."},
			"cookie": {Type: "apiKey", In: "cookie", Name: o.Cookie, Description: "The session of a person who signed in with a browser. Only pages of the node itself can use it."},
		}}
	return d
}

func problemSchema() *schema {
	p := &properties{}
	p.add("type", &schema{Type: "string", Description: "A URI reference that names the kind."})
	p.add("title", &schema{Type: "string", Description: "The kind.", Enum: []string{"internal", "invalid", "not_found", "conflict", "denied", "unavailable", "exhausted", "corrupt", "refused"}})
	p.add("status", &schema{Type: "integer", Format: "int32"})
	p.add("detail", &schema{Type: "string", Description: "What is wrong, in words for people."})
	p.add("needs", &schema{Type: "string", Description: "A proof of who you are that would mend the refusal: fresh, second-factor or password."})
	p.add("hint", &schema{Type: "string", Description: "What to do about it, where that is known."})
	p.add("code", &schema{Type: "string", Description: "What is wrong, for programs, where the kind is not enough: insufficient_funds."})
	p.add("facts", &schema{Type: "array", Description: "What the decision stood on.", Items: factSchema()})
	p.add("instance", &schema{Type: "string", Description: "The id of the request, as it stands in the node's log."})
	return &schema{Type: "object", Description: "A Problem says why a request was refused (RFC 9457).", Properties: p, Required: []string{"type", "title", "status", "detail"}}
}

func factSchema() *schema {
	p := &properties{}
	p.add("name", &schema{Type: "string", Description: "A code: rule."})
	p.add("value", &schema{Type: "string", Description: "A word or a figure: RIBA-1."})
	return &schema{Type: "object", Properties: p, Required: []string{"name", "value"}}
}
