import { fileURLToPath } from 'node:url';
import tailwind from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { moneyIcons } from './build/icons';
import { materials } from './build/materials';
import { serviceWorker } from './build/worker';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const common =
  /src\/(api\/(?!money\/|funds|zakat|compliance|reconcile)|i18n\/(index|format)|ui\/(Badge|Button|Card|Field|Form|Page|States|Table|toast|useSentence)|pages\/(hits|people\/roleNames|devices\/values)|shell\/(theme|worker|places))|lucide-react|vite\/preload/;
const ofMoney = moneyIcons(here('./src'));

export default defineConfig({
  plugins: [react(), tailwind(), serviceWorker(), materials(here('../materials.json'))],
  resolve: { alias: { '@': here('./src') } },
  build: {
    outDir: here('../dist'),
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    // Inlined images would need `img-src data:` in more places and gain nothing on a LAN.
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: { index: here('./index.html'), sw: here('./src/sw.ts') },
      output: {
        entryFileNames: (chunk) => (chunk.name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js'),
        chunkFileNames: 'assets/[name]-[hash].js',
        assetFileNames: 'assets/[name]-[hash][extname]',
        // A few chunks instead of seventy: libraries change seldom and keep their name when the app changes.
        codeSplitting: {
          groups: [
            { name: 'libraries', test: /node_modules\/(react|react-dom|scheduler|@tanstack|i18next|react-i18next|idb|use-sync-external-store|isbot)\// },
            { name: 'common', test: (id: string) => common.test(id) && !ofMoney(id) },
            { name: 'money', test: (id: string) => /src\/(api\/money\/|i18n\/money\.ts|ui\/Money)/.test(id) || ofMoney(id) },
            // A page that anyone opens on a phone is one file more, not fifteen. What others use too stays where it is.
            { name: 'funds', test: /src\/(api\/funds|pages\/funds\/)/, includeDependenciesRecursively: false },
            { name: 'treasury', test: /src\/(api\/(compliance|reconcile)|pages\/treasury\/)/, includeDependenciesRecursively: false },
          ],
        },
      },
    },
  },
});
