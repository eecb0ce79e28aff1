import { useEffect } from 'react';

/** useHotkey calls f on Ctrl+K, ⌘K, and on / outside of fields. */
export function useHotkey(f: () => void) {
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      const typing = (e.target as HTMLElement).matches('input, textarea, select, [contenteditable]');
      const k = (e.ctrlKey || e.metaKey) && e.key.toLowerCase() === 'k';
      if (!k && (e.key !== '/' || typing)) return;
      e.preventDefault();
      f();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  });
}
