package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
)

const secretPrefix = "whsec_"

var secretText = base64.StdEncoding

// messageID is the webhook-id of one record for one endpoint: the same whoever sends it and however often.
func messageID(origin, stream string, p edge.Pos, endpoint string) string {
	h := sha256.Sum256(fmt.Appendf(nil, "aielon-edge/webhook/1\x00%s\x00%s\x00%d\x00%d\x00%s", origin, stream, p.Epoch, p.Seq, endpoint))
	return "msg_" + base64.RawURLEncoding.EncodeToString(h[:18])
}

// A cloudEvent is a record in the form of CloudEvents 1.0, structured JSON. class is an extension of ours.
type cloudEvent struct {
	SpecVersion string          `json:"specversion"`
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	Subject     string          `json:"subject,omitempty"`
	Time        string          `json:"time"`
	Class       string          `json:"class"`
	ContentType string          `json:"datacontenttype,omitempty"`
	Data        json.RawMessage `json:"data,omitempty"`
	Base64      []byte          `json:"data_base64,omitempty"`
}

var classNames = [...]string{"public", "site", "personal", "clinical"}

// encodeEvent writes the body of a message. Its id is the record's place, the same for all endpoints.
func encodeEvent(origin, stream string, r edge.Record) ([]byte, error) {
	e := cloudEvent{SpecVersion: "1.0", ID: fmt.Sprintf("%s-%x-%d", stream, r.Pos.Epoch, r.Pos.Seq), Source: "urn:aielon:" + origin, Type: r.Type, Subject: r.Subject,
		Time: r.Time.UTC().Format(time.RFC3339Nano), Class: classNames[min(int(r.Class), len(classNames)-1)]}
	switch {
	case len(r.Body) == 0:
	case json.Valid(r.Body):
		e.ContentType, e.Data = "application/json", r.Body
	default:
		e.ContentType, e.Base64 = "application/octet-stream", r.Body
	}
	b, err := json.Marshal(e)
	if err != nil {
		return nil, edge.E(edge.Internal, "an event cannot be encoded: %w", err)
	}
	return b, nil
}

// sign adds the headers of Standard Webhooks: every secret signs id, time and body.
func sign(h http.Header, id string, at time.Time, body []byte, secrets []string) error {
	ts := strconv.FormatInt(at.Unix(), 10)
	var sigs []string
	for _, s := range secrets {
		key, err := secretText.DecodeString(strings.TrimPrefix(s, secretPrefix))
		if err != nil || len(key) == 0 {
			return edge.E(edge.Corrupt, "the secret of a webhook cannot be read").WithHint("rotate it")
		}
		m := hmac.New(sha256.New, key)
		fmt.Fprintf(m, "%s.%s.", id, ts)
		m.Write(body)
		sigs = append(sigs, "v1,"+secretText.EncodeToString(m.Sum(nil)))
	}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", ts)
	h.Set("webhook-signature", strings.Join(sigs, " "))
	return nil
}
