/** A few buttons of which one is pressed: range, time zone, filter. */

import { count } from "../words/numbers.js";

export interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly options: readonly { readonly value: T; readonly label: string; readonly count?: number }[];
  readonly value: T;
  readonly onChoose: (value: T) => void;
}

export function Choice<T extends string>({ label, options, value, onChoose }: ChoiceProps<T>) {
  return (
    <fieldset class="choice">
      <legend class="unseen">{label}</legend>
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === value}
          onClick={() => onChoose(option.value)}
        >
          {option.label}
          {option.count === undefined ? null : <span class="tally">{count(option.count)}</span>}
        </button>
      ))}
    </fieldset>
  );
}
