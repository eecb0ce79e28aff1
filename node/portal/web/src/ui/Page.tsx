import { type ReactNode, useEffect } from 'react';

interface Props {
  title: string;
  lead?: ReactNode;
  action?: ReactNode;
  children: ReactNode;
}

/** A Page names itself in the browser's title too, where screen readers announce it first. */
export function Page({ title, lead, action, children }: Props) {
  useEffect(() => {
    document.title = `${title} · AiElon Edge`;
  }, [title]);
  return (
    <div className="mx-auto w-full max-w-6xl space-y-4 px-4 py-5 lg:px-8 lg:py-7">
      <header className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <h1 className="min-w-0 text-2xl font-semibold tracking-tight break-words rtl:tracking-normal">{title}</h1>
        {action && <div className="flex flex-wrap gap-2 has-[.grid]:w-full sm:has-[.grid]:w-auto">{action}</div>}
        {lead && <p className="-mt-1 w-full text-sm text-soft lg:pe-[30%]">{lead}</p>}
      </header>
      {children}
    </div>
  );
}

/** Columns fills two columns with cards of any height without holes. */
export function Columns({ children }: { children: ReactNode }) {
  return <div className="gap-4 lg:columns-2 [&>*]:mb-4 [&>*]:break-inside-avoid">{children}</div>;
}

/** Solo is a page without the shell: signing in, setting up. */
export function Solo({ title, lead, children, wide = false }: { title: string; lead?: ReactNode; children: ReactNode; wide?: boolean }) {
  useEffect(() => {
    document.title = `${title} · AiElon Edge`;
  }, [title]);
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center px-4 py-10">
      <div className={`w-full ${wide ? 'max-w-2xl' : 'max-w-sm'}`}>
        <img src="/icon.svg" alt="" width={44} height={44} className="mb-5 rounded-xl" />
        <h1 className="text-2xl font-semibold tracking-tight rtl:tracking-normal">{title}</h1>
        {lead && <p className="mt-1 text-sm text-soft">{lead}</p>}
        <div className="mt-6">{children}</div>
      </div>
    </main>
  );
}
