/** A Number of an account in groups that can be read out, and copied as one. */
export function NumberOf({ id }: { id: string }) {
  const groups = /^(.{5})(.{5})(.{5})(.{5})(.{6})$/.exec(id)?.slice(1) ?? [id];
  return (
    <span className="latin font-mono text-[0.9em] break-all select-all">
      {groups.map((g, i) => (
        <span key={i} className="me-1.5 last:me-0">
          {g}
        </span>
      ))}
    </span>
  );
}
