import { useCode } from '@/ui/useCode';

/** useQuantity says what was measured in the reader's language, where its name is one that many devices use; else as the device calls it. */
export function useQuantity() {
  const code = useCode();
  return (name: string) => code('quantity', name.toLowerCase(), name);
}
