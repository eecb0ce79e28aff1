/** What lies over the page: one at a time, or nothing. */
export type Sheet = 'palette' | 'menu' | 'outbox' | undefined;
