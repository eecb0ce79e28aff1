package device

import "container/list"

// An lru is a map that forgets what was not used for longest when it is full. Its owner locks.
type lru[K comparable, V any] struct {
	limit int
	order *list.List // of item, newest first
	items map[K]*list.Element
}

type item[K comparable, V any] struct {
	key K
	val V
}

func newLRU[K comparable, V any](limit int) *lru[K, V] {
	return &lru[K, V]{limit, list.New(), map[K]*list.Element{}}
}

func (l *lru[K, V]) get(k K) (v V, ok bool) {
	if len(l.items) == 0 {
		return v, false
	}
	e, ok := l.items[k]
	if !ok {
		return v, false
	}
	l.order.MoveToFront(e)
	return e.Value.(*item[K, V]).val, true
}

func (l *lru[K, V]) put(k K, v V) {
	if e, ok := l.items[k]; ok {
		e.Value.(*item[K, V]).val = v
		l.order.MoveToFront(e)
		return
	}
	l.items[k] = l.order.PushFront(&item[K, V]{k, v})
	if l.order.Len() > l.limit {
		old := l.order.Remove(l.order.Back()).(*item[K, V])
		delete(l.items, old.key)
	}
}
