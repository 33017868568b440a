/** What is shown in place of a page that cannot be: a new build may have taken away the files of the old one. */

import { Component, type ReactNode } from "react";
import { RefreshCw } from "lucide-react";

export class Mishap extends Component<{ children: ReactNode }, { reason: string | null }> {
  state = { reason: null };

  static getDerivedStateFromError(error: unknown) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }

  render() {
    if (this.state.reason === null) return this.props.children;
    return (
      <div className="own page">
        <h1>This page cannot be shown</h1>
        <p>Perhaps the console was built anew since it was opened here. Loading it again helps then.</p>
        <p className="muted small">{this.state.reason}</p>
        <button type="button" className="primary" onClick={() => location.reload()}>
          <RefreshCw size={16} aria-hidden="true" /> Load again
        </button>
      </div>
    );
  }
}
