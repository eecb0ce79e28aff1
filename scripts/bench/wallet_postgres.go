package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// The same double entry in PostgreSQL: balances kept on the account, refused below its floor by a constraint, one row
// for the transfer whose key makes retries harmless, and one for each side with the balance after it. A transfer is one
// prepared statement in a transaction of its own; a batch is one transaction of one statement over arrays. Accounts are
// locked in the order of their numbers, so that no two transactions wait for each other.
const walletSchema = `
create table account (id int primary key, debits numeric not null default 0, credits numeric not null default 0, floor numeric, check (floor is null or credits - debits >= floor));
create table transfer (id uuid primary key, debit int not null, credit int not null, amount numeric not null check (amount > 0), at timestamptz not null default now());
create table entry (account int not null, transfer uuid not null, amount numeric not null, balance numeric not null, primary key (account, transfer));
insert into account select i, 0, 0, null from generate_series(0, 999) i;
create function pay(uuid, int, int, numeric) returns void language plpgsql as $$
declare d numeric; c numeric;
begin
	insert into transfer values ($1, $2, $3, $4);
	perform 1 from account where id in ($2, $3) order by id for update;
	update account set debits = debits + $4 where id = $2 returning credits - debits into strict d;
	update account set credits = credits + $4 where id = $3 returning credits - debits into strict c;
	insert into entry values ($2, $1, -$4, d), ($3, $1, $4, c);
end $$;
create function pay_all(uuid[], int[], int[], numeric[]) returns void language plpgsql as $$
begin
	perform 1 from account where id = any($2) or id = any($3) order by id for update;
	insert into transfer select * from unnest($1, $2, $3, $4);
	with side as (
		select u.n, u.d as account, u.id, -u.a as amount from unnest($1, $2, $3, $4) with ordinality u(id, d, c, a, n)
		union all
		select u.n, u.c, u.id, u.a from unnest($1, $2, $3, $4) with ordinality u(id, d, c, a, n))
	insert into entry select s.account, s.id, s.amount, a.credits - a.debits + sum(s.amount) over (partition by s.account order by s.n) from side s join account a on a.id = s.account;
	update account set debits = debits + s.d, credits = credits + s.c from (
		select account, sum(d) d, sum(c) c from (
			select unnest($2) account, unnest($4) d, 0::numeric c union all select unnest($3), 0, unnest($4)) x group by account) s
	where id = s.account;
end $$;`

// postgresBook starts PostgreSQL on the disk that is measured; nil where it is not installed.
func postgresBook(b *bench, run int) (_ *book, err error) {
	bin := postgresBin()
	if bin == "" {
		if run == 0 {
			fmt.Println("skipped: PostgreSQL is not installed (as root on Debian: apt-get install postgresql)")
		}
		return nil, nil
	}
	s := &postgres{bin: bin, dir: filepath.Join(b.dir, fmt.Sprintf("pg-%d", run))}
	if err := s.start(b.ctx); err != nil {
		s.stop()
		return nil, err
	}
	k := &book{who: "PostgreSQL", stop: s.stop, mem: s.memory, disk: func() (float64, error) { return taken(filepath.Join(s.dir, "data")) }}
	k.open = func() (payer, func(), error) {
		c, err := s.connect(b.ctx)
		if err != nil {
			return nil, nil, err
		}
		return func(pairs []pairOf) error { return pgPay(b.ctx, c, pairs) }, func() { c.Close(context.Background()) }, nil
	}
	return k, nil
}

func pgPay(ctx context.Context, c *pgx.Conn, pairs []pairOf) error {
	if len(pairs) == 1 {
		_, err := c.Exec(ctx, "select pay($1, $2, $3, $4::bigint::numeric)", newUUID(), pairs[0].debit, pairs[0].credit, 1250)
		return err
	}
	ids, debits, credits, amounts := make([][16]byte, len(pairs)), make([]int, len(pairs)), make([]int, len(pairs)), make([]int64, len(pairs))
	for i, p := range pairs {
		ids[i], debits[i], credits[i], amounts[i] = newUUID(), p.debit, p.credit, 1250
	}
	_, err := c.Exec(ctx, "select pay_all($1, $2, $3, $4::bigint[]::numeric[])", ids, debits, credits, amounts)
	return err
}

func newUUID() (id [16]byte) {
	rand.Read(id[:])
	ms := uint64(time.Now().UnixMilli()) // sorted by time, which suits its index (RFC 9562, version 7)
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	return id
}

func postgresBin() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1])
	}
	if p, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(p)
	}
	return ""
}

// A postgres is one server, with a socket of its own and fsync on.
type postgres struct {
	bin, dir, sock string
	cred           *syscall.Credential
	cmd            *exec.Cmd
	log            bytes.Buffer
}

func (s *postgres) start(ctx context.Context) (err error) {
	if s.sock, err = os.MkdirTemp("/tmp", "pg"); err != nil { // the path of a socket has 107 bytes at the most
		return err
	}
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		return err
	}
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return errors.New("PostgreSQL refuses to run as root, and there is no user postgres")
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		s.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		for _, d := range []string{s.dir, s.sock} {
			if err := os.Chown(d, uid, gid); err != nil {
				return err
			}
		}
		for d := filepath.Dir(s.dir); d != "/"; d = filepath.Dir(d) { // so that it gets there
			if st, err := os.Stat(d); err == nil && st.Mode()&0o001 == 0 {
				os.Chmod(d, st.Mode()|0o001)
			}
		}
	}
	if out, err := s.command("initdb", "-D", s.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C").CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	s.cmd = s.command("postgres", "-D", s.data(), "-k", s.sock, "-h", "", "-c", "shared_buffers=128MB", "-c", "max_connections=64")
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := s.connect(ctx)
		if err == nil {
			_, err = c.Exec(ctx, walletSchema)
			c.Close(ctx)
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("PostgreSQL does not answer: %w: %s", err, s.log.String())
		}
	}
}

func (s *postgres) data() string { return filepath.Join(s.dir, "data") }

func (s *postgres) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, name), args...)
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred, Pdeathsig: syscall.SIGTERM}
	return c
}

func (s *postgres) connect(ctx context.Context) (*pgx.Conn, error) {
	return pgx.Connect(ctx, fmt.Sprintf("host=%s user=postgres dbname=postgres", s.sock))
}

// memory is what all its processes take together, in bytes.
func (s *postgres) memory() (sum float64, err error) {
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		b, rerr := os.ReadFile(path)
		if rerr != nil || !strings.HasPrefix(string(b), "postgres") && !strings.Contains(string(b), s.dir) {
			continue
		}
		m, rerr := os.ReadFile(filepath.Join(filepath.Dir(path), "smaps_rollup"))
		if rerr != nil {
			continue
		}
		for line := range strings.Lines(string(m)) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "Pss:" {
				kb, _ := strconv.ParseFloat(f[1], 64)
				sum += kb * 1024
			}
		}
	}
	return sum, err
}

func (s *postgres) stop() {
	if s.cmd != nil && s.cmd.Process != nil {
		s.cmd.Process.Signal(syscall.SIGINT)
		s.cmd.Wait()
	}
	os.RemoveAll(s.sock)
	os.RemoveAll(s.dir)
}
