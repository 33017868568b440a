// A name that is edited in place: Enter saves, Escape gives up, leaving the field saves where `saveOnLeave` says so.
import { useEffect, useRef } from "react";

export function TitleInput({ value, label, placeholder, longest, saveOnLeave, onSave, onCancel }) {
  const field = useRef(null);
  const over = useRef(false);
  const finish = (act) => {
    if (over.current) return;
    over.current = true;
    act();
    // Should the server refuse the name, the field is still here.
    setTimeout(() => (over.current = false), 1000);
  };
  const save = () => finish(() => onSave({ title: field.current.value }));
  const cancel = () => finish(() => onCancel());

  useEffect(() => {
    field.current.focus();
    field.current.select();
  }, []);

  return (
    <form
      className="title-form"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <input
        ref={field}
        className="title-input"
        data-testid="title-input"
        defaultValue={value}
        maxLength={longest}
        aria-label={label}
        placeholder={placeholder}
        autoComplete="off"
        onKeyDown={(event) => {
          if (event.key === "Escape") cancel();
        }}
        onBlur={() => (saveOnLeave && field.current.value.trim() ? save() : cancel())}
      />
    </form>
  );
}
