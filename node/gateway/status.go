package gateway

import "time"

// Status is how a node is, as the command line shows it.
type Status struct {
	Node    string       `json:"node"`
	Site    string       `json:"site"`
	Region  string       `json:"region"`
	Role    string       `json:"role"`
	Version string       `json:"version"`
	Started time.Time    `json:"started"`
	Now     time.Time    `json:"now"`
	Level   string       `json:"level"` // the worst of the parts
	Parts   []PartStatus `json:"parts"`
	Link    Link         `json:"link"`
	Ledger  Ledger       `json:"ledger"`
	Members []Member     `json:"members"`
	Recent  []Recent     `json:"recent"`
	Hub     *HubStatus   `json:"hub,omitempty"`

	Attention []Attention `json:"attention"` // worst first
}

// Attention is something a person should look at.
type Attention struct {
	ID       string    `json:"id"`       // the same for as long as it is the same thing: "disk-low"
	Severity string    `json:"severity"` // "critical": at once; "warning": soon
	Text     string    `json:"text"`
	Hint     string    `json:"hint,omitempty"`
	Since    time.Time `json:"since"` // when this node first saw it; not before it was started
}

// PartStatus is the health of one part, in words.
type PartStatus struct {
	Name  string `json:"name"`
	Level string `json:"level"`
	Msg   string `json:"msg"`
	Hint  string `json:"hint,omitempty"`
}

// Link is the way to the hub.
type Link struct {
	Joined    bool          `json:"joined"`
	Connected bool          `json:"connected"`
	Transport string        `json:"transport,omitempty"` // "quic" or "tcp"
	Hub       string        `json:"hub,omitempty"`
	RTT       time.Duration `json:"rtt_ns,omitempty"`
	Err       string        `json:"error,omitempty"`
	NextTry   *time.Time    `json:"next_try,omitempty"`
}

// Ledger is what became of everything this node acknowledged. Each row is counted independently;
// Lost is what the other columns do not account for, and must be zero.
type Ledger struct {
	Rows    []LedgerRow `json:"rows"`
	Total   LedgerRow   `json:"total"`             // of records
	Objects *LedgerRow  `json:"objects,omitempty"` // large objects, which are counted apart
}

// LedgerRow counts the records of one class.
type LedgerRow struct {
	Class    string `json:"class"`
	Accepted uint64 `json:"accepted"`
	OnHub    uint64 `json:"on_hub"`
	Waiting  uint64 `json:"waiting"`
	Shed     uint64 `json:"shed"`
	Lost     uint64 `json:"lost"`
}

// Sum adds up the rows.
func (l *Ledger) Sum() {
	l.Total = LedgerRow{Class: "total"}
	for _, r := range l.Rows {
		l.Total.Accepted += r.Accepted
		l.Total.OnHub += r.OnHub
		l.Total.Waiting += r.Waiting
		l.Total.Shed += r.Shed
		l.Total.Lost += r.Lost
	}
}

// Member is one node of the site.
type Member struct {
	Node   string `json:"node"`
	Addr   string `json:"addr"`
	Role   string `json:"role"` // "voter", "standby"
	Leader bool   `json:"leader"`
	Self   bool   `json:"self"`
}

// Recent is one of the newest records.
type Recent struct {
	Time    time.Time `json:"time"`
	Type    string    `json:"type"`
	Subject string    `json:"subject"`
	Class   string    `json:"class"`
	Text    string    `json:"text"`
}

// HubStatus is what a hub shows besides.
type HubStatus struct {
	Records uint64      `json:"records"`
	Trimmed uint64      `json:"trimmed"`    // of Records: forgotten, because hub.keep says so
	Kept    uint64      `json:"kept_bytes"` // of the others, before they are packed
	Above   uint64      `json:"above"`      // records that wait for the hub above, where there is one
	Streams []HubStream `json:"streams"`
	Alarms  []string    `json:"alarms"`
	Online  int         `json:"online"`
}

// HubStream is one stream that the hub gathers.
type HubStream struct {
	Site     string     `json:"site"`
	Origin   string     `json:"origin"`
	Name     string     `json:"name"`
	Received uint64     `json:"received"`
	Skipped  uint64     `json:"skipped"`
	Missing  uint64     `json:"missing,omitempty"` // gaps that nobody declared
	Trimmed  uint64     `json:"trimmed,omitempty"`
	Frozen   string     `json:"frozen,omitempty"`
	Last     *time.Time `json:"last,omitempty"`
}
