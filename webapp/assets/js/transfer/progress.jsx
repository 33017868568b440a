// How far something is; without a `share` (0 to 1), that it goes on.
export function Progress({ label, share }) {
  return (
    <div className="transfer-progress" role="status" data-testid="transfer-progress">
      <progress aria-label={label} max={1} value={share} />
      <small className="muted">{label}</small>
    </div>
  );
}
