import { useWords } from './useCode';

/** Own is a sentence of the node: in the reader's language where there are words for it, else as the node wrote it. */
export function Own({ text }: { text?: string }) {
  const words = useWords()(text);
  return words !== undefined ? <bdi>{words}</bdi> : <bdi lang="en">{text}</bdi>;
}
