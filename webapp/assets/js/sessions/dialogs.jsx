// Questions before something is done: the browser's own modal dialogs, so that focus stays in them and Escape leaves.
import { useEffect, useRef, useState } from "react";
import { createPortal } from "react-dom";
import { useWords } from "$/public/js/words.js";

// An open drawer is in the browser's top layer: what it opens must be in it to be seen above it.
export const layer = () => {
  const sidebar = document.getElementById("sidebar");
  return sidebar?.matches(":popover-open") ? sidebar : document.querySelector(".radix-themes") ?? document.body;
};

export function Dialog({ title, onClose, children }) {
  const dialog = useRef(null);
  const [where] = useState(layer);
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current.showModal();
    return () => opener?.isConnected && opener.focus({ preventScroll: true });
  }, []);
  return createPortal(
    <dialog
      ref={dialog}
      className="dialog"
      aria-label={title}
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && dialog.current.close()}
      onKeyDown={(event) => event.stopPropagation()} // what is typed here is no shortcut of the list
    >
      <div className="dialog-body">
        <h2>{title}</h2>
        {children}
      </div>
    </dialog>,
    where,
  );
}

export function Confirmation({ title, text, yes, no, onYes, onClose }) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p className="muted">{text}</p>
      <div className="dialog-buttons">
        <button type="button" className="plain-button" onClick={onClose} autoFocus>
          {no}
        </button>
        <button
          type="button"
          className="danger-button"
          onClick={() => {
            onYes();
            onClose();
          }}
        >
          {yes}
        </button>
      </div>
    </Dialog>
  );
}

// Where to: a category that there is, or one that is named here.
export function CategoryDialog({ categories, current, onChoose, onClose }) {
  const t = useWords();
  const [name, setName] = useState("");
  const choose = (category) => {
    onChoose(category);
    onClose();
  };
  return (
    <Dialog title={t("sessions.move")} onClose={onClose}>
      <ul className="dialog-choices">
        {categories.map((category) => (
          <li key={category}>
            <button type="button" className="dialog-choice" disabled={category === current} onClick={() => choose(category)}>
              {category}
            </button>
          </li>
        ))}
      </ul>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim()) choose(name.trim());
        }}
      >
        <input
          className="dialog-input"
          data-testid="category-input"
          value={name}
          onChange={(event) => setName(event.target.value)}
          maxLength={50}
          aria-label={t("sessions.category-name")}
          placeholder={t("sessions.category-name")}
          autoComplete="off"
          autoFocus
        />
        <div className="dialog-buttons">
          <button type="button" className="plain-button" onClick={onClose}>
            {t("common.cancel")}
          </button>
          <button type="submit" className="primary-button" disabled={!name.trim()}>
            {t("sessions.move-here")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
