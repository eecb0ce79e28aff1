import { useEffect, useRef } from 'react';
import { subscribe } from './rpc';

/** useLive follows a stream while a component is on show. */
export function useLive<T>(method: string, params: object, onMessage: (m: T) => void, wanted = true) {
  const handler = useRef(onMessage);
  handler.current = onMessage;
  const key = JSON.stringify(params);
  useEffect(() => {
    if (!wanted) return;
    return subscribe<T>(method, JSON.parse(key), (m) => handler.current(m));
  }, [method, key, wanted]);
}
