import { RANGES, type Range } from "../live/ranges.js";
import { Choice } from "../ui/choice.js";

export interface RangeChoiceProps {
  readonly chosen: Range | undefined;
  readonly current: Range;
  readonly onChoose: (name: string) => void;
}

/** Without a choice the range is one that fits, and is shown as such. */
export function RangeChoice({ chosen, current, onChoose }: RangeChoiceProps) {
  const options = RANGES.map(({ name, label }) => ({ value: name as string, label }));
  return (
    <div class={chosen === undefined ? "ranges is-auto" : "ranges"}>
      <Choice label="Time range" value={current.name} onChoose={onChoose} options={options} />
    </div>
  );
}
