import { useCode } from '@/ui/useCode';

/** useRoleName names a role in the language of the page, with the area it is confined to; one this build does not know keeps its own name. */
export function useRoleName() {
  const code = useCode();
  return (role: string) => {
    const [name, area] = role.split('@');
    return area ? `${code('role', name)} (${area})` : code('role', name);
  };
}
