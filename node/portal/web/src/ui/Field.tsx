import { ChevronDown, Search } from 'lucide-react';
import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, type TextareaHTMLAttributes, useId } from 'react';

const box =
  'min-h-11 w-full rounded-lg border border-line bg-card px-3 py-1.5 text-base text-ink focus-visible:outline-offset-0 disabled:opacity-60 sm:text-sm sm:min-h-10';

interface Common {
  label: string;
  help?: ReactNode;
  error?: string;
}

function Frame({ id, label, help, error, children }: Common & { id: string; children: ReactNode }) {
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {label}
      </label>
      {children}
      {help && (
        <p id={`${id}-help`} className="mt-1 text-xs text-soft">
          {help}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} role="alert" className="mt-1 text-sm text-bad">
          {error}
        </p>
      )}
    </div>
  );
}

const describedBy = (id: string, p: Common) => [p.help && `${id}-help`, p.error && `${id}-error`].filter(Boolean).join(' ') || undefined;

/** Latin says that what is typed is an id, a code or an address and reads left to right in every language. */
type FieldProps = Common & InputHTMLAttributes<HTMLInputElement> & { latin?: boolean };

export function Field({ label, help, error, latin, className = '', ...rest }: FieldProps) {
  const id = useId();
  return (
    <Frame id={id} label={label} help={help} error={error}>
      <input
        id={id}
        dir={latin ? 'ltr' : 'auto'}
        spellCheck={latin ? false : undefined}
        autoCapitalize={latin ? 'off' : undefined}
        aria-invalid={error ? true : undefined}
        aria-describedby={describedBy(id, { label, help, error })}
        className={`${box} ${latin ? 'font-mono' : ''} ${className}`}
        {...rest}
      />
    </Frame>
  );
}

/** An Area holds addresses or keys, one a line: text that reads left to right in every language. Prose is what people write. */
export function Area({ label, help, error, prose = false, className = '', ...rest }: Common & TextareaHTMLAttributes<HTMLTextAreaElement> & { prose?: boolean }) {
  const id = useId();
  return (
    <Frame id={id} label={label} help={help} error={error}>
      <textarea id={id} dir={prose ? 'auto' : 'ltr'} spellCheck={prose} autoCapitalize={prose ? undefined : 'off'} aria-describedby={describedBy(id, { label, help, error })} className={`${box} block resize-y ${prose ? '' : 'font-mono'} ${className}`} {...rest} />
    </Frame>
  );
}

/** A Finder narrows what is on the page as somebody types. */
export function Finder({ label, value, onChange }: { label: string; value: string; onChange: (words: string) => void }) {
  return (
    <div className="relative max-w-md">
      <Search size={16} aria-hidden className="pointer-events-none absolute inset-y-0 start-3 my-auto text-soft" />
      <input type="search" aria-label={label} placeholder={label} dir={value ? 'auto' : undefined} value={value} onChange={(e) => onChange(e.target.value)} className={`${box} px-9`} />
    </div>
  );
}

export function Select({ label, help, error, className = '', children, ...rest }: Common & SelectHTMLAttributes<HTMLSelectElement>) {
  const id = useId();
  return (
    <Frame id={id} label={label} help={help} error={error}>
      {/* The browser's own arrow sticks to the edge where the page runs from right to left. */}
      <span className="relative block">
        <select id={id} aria-describedby={describedBy(id, { label, help, error })} className={`${box} appearance-none pe-9 ${className}`} {...rest}>
          {children}
        </select>
        <ChevronDown size={16} aria-hidden className="pointer-events-none absolute inset-y-0 end-3 my-auto text-soft" />
      </span>
    </Frame>
  );
}

export function Check({ label, help, ...rest }: Common & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <div className="flex items-start gap-2.5 py-1">
      <input id={id} type="checkbox" className="mt-1 size-4 accent-[var(--accent)]" aria-describedby={help ? `${id}-help` : undefined} {...rest} />
      <div>
        <label htmlFor={id} className="text-sm font-medium">
          {label}
        </label>
        {help && (
          <p id={`${id}-help`} className="text-xs text-soft">
            {help}
          </p>
        )}
      </div>
    </div>
  );
}
