import { useSyncExternalStore } from 'react';

/** A Store is a value components can follow. */
export class Store<T> {
  private listeners = new Set<() => void>();
  private value: T;
  constructor(value: T) {
    this.value = value;
  }
  get = () => this.value;
  set(value: T) {
    if (Object.is(value, this.value)) return;
    this.value = value;
    for (const f of [...this.listeners]) f();
  }
  subscribe = (f: () => void) => {
    this.listeners.add(f);
    return () => void this.listeners.delete(f);
  };
}

export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.get);
}
