import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { watchNetwork, whenBack } from './api/connection';
import { ended } from './api/http';
import { delivered, watchOutbox } from './api/outbox';
import { startI18n } from './i18n';
import { client, router } from './router';
import { startTheme } from './shell/theme';
import { startWorker } from './shell/worker';
import './styles.css';

startTheme();
await startI18n();
watchNetwork();
// What was shown while the node was away may be old in every part.
whenBack(() => void client.invalidateQueries());
delivered.subscribe(() => void client.invalidateQueries());
ended.subscribe(() => void client.resetQueries({ queryKey: ['me'] }));

createRoot(document.getElementById('app')!).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
watchOutbox();
startWorker();
