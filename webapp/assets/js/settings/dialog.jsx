// The browser's own modal dialog: focus stays in it and Escape leaves it.
import { useEffect, useRef } from "react";

export function Dialog({ title, onClose, children, className = "" }) {
  const dialog = useRef(null);
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current.showModal();
    return () => opener?.isConnected && opener.focus({ preventScroll: true });
  }, []);
  return (
    <dialog
      ref={dialog}
      className={`settings-dialog ${className}`}
      aria-label={title}
      onClose={onClose}
      onMouseDown={(event) => event.target === dialog.current && dialog.current.close()}
    >
      <div className="settings-dialog-body">
        <h2>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}
