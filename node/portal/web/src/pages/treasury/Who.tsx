import { useNames } from '../people/names';

/** Who is a person by name, or by the end of their number where the reader may not know their name. */
export function Who({ id = '' }: { id?: string }) {
  const name = useNames().name(id);
  if (name !== id) return <bdi>{name}</bdi>;
  return (
    <bdi title={id} className="latin font-mono text-[0.9em]">
      …{id.slice(-6)}
    </bdi>
  );
}
