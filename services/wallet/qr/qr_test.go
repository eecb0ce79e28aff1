package qr_test

import (
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/qr"
)

func sample(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What others wrote is read, and written again byte for byte, checksum and all.
func TestSamples(t *testing.T) {
	for name, sum := range map[string]string{"emvco.txt": "A13A", "qris.txt": "3ACC"} {
		text := sample(t, name)
		c, err := qr.Decode(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := c.Encode()
		if err != nil || again != text || !strings.HasSuffix(again, "6304"+sum) {
			t.Errorf("%s: %q, %v", name, again, err)
		}
	}
}

// No byte of a code can be changed into any other.
func TestEveryChangedByteIsRefused(t *testing.T) {
	for _, name := range []string{"emvco.txt", "qris.txt"} {
		text := []byte(sample(t, name))
		codes := map[string]int{}
		for i, was := range text {
			for b := range 256 {
				if byte(b) == was {
					continue
				}
				text[i] = byte(b)
				c, err := qr.Decode(string(text))
				if err == nil || c != nil || !edge.IsKind(err, edge.Invalid) {
					t.Fatalf("%s: byte %d as %#x: %v", name, i, b, err)
				}
				codes[edge.CodeOf(err)]++
			}
			text[i] = was
		}
		if len(codes) != 2 || codes[qr.BadCRC] == 0 || codes[qr.Invalid] == 0 {
			t.Errorf("%s: refused as %v", name, codes)
		}
	}
}

// sum writes the checksum of CRC-16/CCITT-FALSE another way than the package: as a division of polynomials.
func sum(body string) string {
	bits := make([]byte, 0, len(body)*8+16)
	for i := range len(body) {
		for k := 7; k >= 0; k-- {
			bits = append(bits, body[i]>>k&1)
		}
	}
	bits = append(bits, make([]byte, 16)...)
	for i := range 16 {
		bits[i] ^= 1
	}
	for i := range len(bits) - 16 {
		if bits[i] == 1 {
			for _, k := range []int{0, 4, 11, 16} { // x^16 + x^12 + x^5 + 1
				bits[i+k] ^= 1
			}
		}
	}
	out := ""
	for n := len(bits) - 16; n < len(bits); n += 4 {
		out += string("0123456789ABCDEF"[bits[n]<<3|bits[n+1]<<2|bits[n+2]<<1|bits[n+3]])
	}
	return out
}

// sealed is a code with a right checksum around fields.
func sealed(fields string) string {
	body := "000201" + fields + "6304"
	return body + sum(body)
}

func TestDecodeRefuses(t *testing.T) {
	if _, err := qr.Decode(sealed("5802ID")); err != nil {
		t.Fatal(err)
	}
	long := sealed(strings.Repeat("0299"+strings.Repeat("x", 99), 6))
	for _, text := range []string{
		"", "0", "000201", "https://example.com/pay", "0002016304", long, sealed("58"), sealed("580"), sealed("5802"), sealed("5802I"), sealed("5803ID"), sealed("5800"),
		sealed("5a02ID"), sealed("580xID"), sealed("5802ID5802ID"), sealed("000201"), sealed("63041234"), sealed("2604abcd"), sealed("26040001"), sealed("26040099"),
		sealed("2612000100010001"), sealed("5802I\x00"), sealed("5802I\u202e"), sealed("5802I\u200b"), sealed("5802\u2028D"), "\ufeff" + sealed("5802ID"), sealed("5802ID") + "\n", " " + sealed("5802ID"),
		strings.ToLower(sealed("5902AB")), sealed("+1+2ab"), sealed("２802ID"),
	} {
		c, err := qr.Decode(text)
		if c != nil || !edge.IsKind(err, edge.Invalid) || edge.CodeOf(err) != qr.Invalid {
			t.Errorf("%.60q: %v, %v", text, c, err)
		}
	}
	for _, text := range []string{"000201" + "5802ID" + "6304FFFF", strings.Replace(sealed("5802ID"), "ID", "MY", 1)} {
		if _, err := qr.Decode(text); edge.CodeOf(err) != qr.BadCRC {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for _, o := range []qr.Object{
		{}, {ID: "5"}, {ID: "5x", Value: "a"}, {ID: "00", Value: "01"}, {ID: "63", Value: "1234"}, {ID: "58"}, {ID: "58", Value: strings.Repeat("é", 100)}, {ID: "58", Value: "a\n"},
		{ID: "26", Value: "a"}, {ID: "26"}, {ID: "26", Parts: []qr.Object{{ID: "00"}}}, {ID: "26", Parts: []qr.Object{{ID: "00", Value: "a"}, {ID: "00", Value: "a"}}},
		{ID: "58", Value: "a", Parts: []qr.Object{{ID: "00", Value: "a"}}}, {ID: "26", Parts: []qr.Object{{ID: "00", Value: "a", Parts: []qr.Object{{ID: "00", Value: "a"}}}}},
		{ID: "26", Parts: []qr.Object{{ID: "00", Value: strings.Repeat("x", 50)}, {ID: "01", Value: strings.Repeat("x", 50)}}}, {ID: "58", Value: "\xff"},
	} {
		if text, err := (qr.Code{o}).Encode(); text != "" || edge.CodeOf(err) != qr.Invalid {
			t.Errorf("%v: %q, %v", o, text, err)
		}
	}
	if _, err := (qr.Code{{ID: "58", Value: "ID"}, {ID: "58", Value: "ID"}}).Encode(); err == nil {
		t.Error("a field twice")
	}
}

// Whatever can be written is read back, in its order; whatever can be read is written as it was.
func TestEncodeDecode(t *testing.T) {
	value := func(max int) *rapid.Generator[string] {
		return rapid.StringOfN(rapid.RuneFrom([]rune("aZ09 .*/-é北٣🕌\u200c")), 1, max, -1)
	}
	rapid.Check(t, func(t *rapid.T) {
		var c qr.Code
		for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(1, 99), 0, 6, rapid.ID[int]).Draw(t, "ids") {
			o := qr.Object{ID: string([]byte{'0' + byte(n/10), '0' + byte(n%10)})}
			switch {
			case n == 63:
				continue
			case n >= 26 && n <= 51 || n == 62 || n == 64 || n >= 80:
				for i := range rapid.IntRange(1, 3).Draw(t, "parts") {
					o.Parts = append(o.Parts, qr.Object{ID: string([]byte{'0', '0' + byte(i)}), Value: value(10).Draw(t, "part")})
				}
			default:
				o.Value = value(20).Draw(t, "value")
			}
			c = append(c, o)
		}
		text, err := c.Encode()
		if err != nil {
			if len(text) > 0 || len(c) < 2 {
				t.Fatalf("%v: %v", c, err)
			}
			return // longer than a code may be
		}
		back, err := qr.Decode(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if again, err := back.Encode(); err != nil || again != text || len(back) != len(c) {
			t.Fatalf("%q, %q, %v", text, again, err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(sample(f, "emvco.txt"))
	f.Add(sample(f, "qris.txt"))
	f.Add(sealed("5802ID26080004abcd"))
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 8 { // lets the fuzzer past the checksum
			text = text[:len(text)-4] + sum(text[:len(text)-4])
		}
		c, err := qr.Decode(text)
		if err != nil {
			if !edge.IsKind(err, edge.Invalid) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if again, err := c.Encode(); err != nil || again != text {
			t.Fatalf("%q is written as %q, %v", text, again, err)
		}
		m, err := c.Merchant()
		if err != nil {
			return
		}
		once, err := m.Encode()
		if err != nil {
			if len(text) < qr.MaxText-10 {
				t.Fatalf("%q: %v", text, err)
			}
			return // the canonical form may be longer
		}
		back, err := qr.DecodeMerchant(once)
		if err != nil {
			t.Fatalf("%q as %q: %v", text, once, err)
		}
		if twice, err := back.Encode(); err != nil || twice != once {
			t.Fatalf("%q, %q, %v", once, twice, err)
		}
	})
}
