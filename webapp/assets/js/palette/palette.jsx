// Chats, messages and commands in one list, which the keyboard alone is enough for.
import { useEffect, useId, useRef, useState } from "react";
import { useNavigate, useParams } from "react-router";
import { matchingActions, runAction } from "$/public/js/palette/commands.js";
import { Filters } from "$/public/js/palette/filters.jsx";
import { SearchIcon } from "$/public/js/palette/icons.jsx";
import { ActionOption, HitOption, MoreOption } from "$/public/js/palette/options.jsx";
import { NO_FILTERS, isFiltered, openBranch, useHits } from "$/public/js/palette/hits.js";
import { useWords } from "$/public/js/words.js";

const PAGE = 6;

const hitOptions = (name, hits) => hits.map((hit) => ({ kind: "hit", id: `${name}-${hit.message_id ?? hit.session_id}`, hit }));

// What there is to choose from, in the order in which it is shown.
const groupsOf = ({ hits, next }, actions, asked) => {
  const titles = hits.filter((hit) => !hit.message_id);
  const messages = hits.filter((hit) => hit.message_id);
  const more = next ? [{ kind: "more", id: "more" }] : [];
  return [
    { name: asked ? "chats" : "recent", options: hitOptions("chat", titles) },
    { name: "actions", options: actions.map((action) => ({ kind: "action", id: `action-${action.name}`, action })) },
    { name: "messages", options: [...hitOptions("message", messages), ...more] },
  ].filter(({ options }) => options.length > 0);
};

export default function Palette({ typed, onClose }) {
  const t = useWords();
  const navigate = useNavigate();
  const { session_id: open } = useParams();
  const dialog = useRef(null);
  const list = useRef(null);
  const id = useId();
  const [query, setQuery] = useState(typed);
  const [filters, setFilters] = useState(NO_FILTERS);
  const [chosen, setChosen] = useState(0);
  const found = useHits(query, filters, t);
  const asked = query.trim() !== "";
  const filtered = isFiltered(filters);
  const groups = groupsOf(found, filtered ? [] : matchingActions(query, Boolean(open), t), asked || filtered);
  const options = groups.flatMap((group) => group.options);
  const at = Math.min(chosen, options.length - 1);

  useEffect(() => {
    const before = document.activeElement;
    dialog.current.showModal();
    return () => before?.isConnected && before.focus({ preventScroll: true });
  }, []);
  useEffect(() => setChosen(0), [query, filters]);
  useEffect(() => {
    const option = list.current?.querySelector("[aria-selected=true]");
    // The first one's heading comes into view with it.
    if (at === 0) list.current?.scrollTo({ top: 0 });
    else option?.scrollIntoView({ block: "nearest" });
  }, [at, options.length]);

  const close = () => dialog.current.close();
  const choose = async (option) => {
    if (option.kind === "more") {
      found.more();
      return;
    }
    close();
    if (option.kind === "action") {
      runAction(option.action);
      return;
    }
    const { session_id, message_id, off_path } = option.hit;
    if (off_path) await openBranch(message_id);
    navigate(`/chat/${session_id}${message_id ? `?message=${message_id}` : ""}`);
  };
  const press = (event) => {
    if (event.nativeEvent.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE }[event.key];
    if (step && options.length) {
      event.preventDefault();
      const last = options.length - 1;
      // One step goes round, a page stops at the end.
      if (Math.abs(step) === 1) setChosen((at + step + options.length) % options.length);
      else setChosen(Math.max(0, Math.min(last, at + step)));
    } else if (event.key === "Enter" && options[at]) {
      event.preventDefault();
      choose(options[at]);
    }
  };

  return (
    <dialog
      ref={dialog}
      className="palette"
      aria-label={t("search.label")}
      data-testid="palette"
      onClose={onClose}
      onMouseDown={(event) => event.target === dialog.current && close()}
    >
      <div className="palette-body">
        <div className="palette-field">
          <SearchIcon />
          <input
            type="text"
            role="combobox"
            aria-label={t("search.label")}
            aria-expanded="true"
            aria-autocomplete="list"
            aria-controls={`${id}-list`}
            aria-activedescendant={options[at] ? `${id}-${options[at].id}` : undefined}
            placeholder={t("search.placeholder")}
            value={query}
            maxLength={300}
            dir="auto"
            autoFocus
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
            enterKeyHint="go"
            data-testid="palette-input"
            onChange={(event) => setQuery(event.target.value)}
            onKeyDown={press}
          />
          <button type="button" className="icon-button" aria-label={t("common.close")} title={t("common.close")} onClick={close}>
            <svg width="17" height="17" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" aria-hidden="true">
              <path d="M18 6 6 18M6 6l12 12" />
            </svg>
          </button>
        </div>
        <Filters filters={filters} onChange={setFilters} />
        <div className="palette-list" ref={list}>
          <div role="listbox" id={`${id}-list`} aria-label={t("search.results")} aria-busy={found.busy}>
            {groups.map(({ name, options: members }) => (
              <div role="group" aria-labelledby={`${id}-${name}`} key={name}>
                <div className="palette-heading" id={`${id}-${name}`} role="presentation">
                  {t(`search.group.${name}`)}
                </div>
                {members.map((option) => (
                  <Option
                    key={option.id}
                    id={`${id}-${option.id}`}
                    option={option}
                    selected={option === options[at]}
                    onPoint={() => setChosen(options.indexOf(option))}
                    onChoose={() => choose(option)}
                  />
                ))}
              </div>
            ))}
          </div>
          <Nothing found={found} none={options.length === 0} query={query} filtered={filtered} onRetry={found.retry} />
        </div>
        <footer className="palette-keys" aria-hidden="true">
          <span>
            <kbd>↑</kbd> <kbd>↓</kbd> {t("search.keys.choose")}
          </span>
          <span>
            <kbd>{t("keys.Enter")}</kbd> {t("search.keys.open")}
          </span>
          <span>
            <kbd>{t("keys.Escape")}</kbd> {t("search.keys.close")}
          </span>
          <span className="palette-hint">{t("search.hint")}</span>
        </footer>
        <p className="visually-hidden" role="status">
          {found.busy || !asked ? "" : t("search.found", { count: found.hits.length })}
        </p>
      </div>
    </dialog>
  );
}

function Option({ option, ...rest }) {
  if (option.kind === "more") return <MoreOption {...rest} />;
  if (option.kind === "action") return <ActionOption action={option.action} {...rest} />;
  return <HitOption hit={option.hit} {...rest} />;
}

function Nothing({ found, none, query, filtered, onRetry }) {
  const t = useWords();
  if (found.problem)
    return (
      <p className="palette-nothing" role="alert">
        {found.problem}{" "}
        <button type="button" className="text-button" onClick={onRetry}>
          {t("common.try-again")}
        </button>
      </p>
    );
  if (found.busy && found.hits.length === 0)
    return (
      <div className="palette-skeletons" aria-hidden="true">
        {[0, 1, 2].map((n) => (
          <div key={n} className="skeleton palette-skeleton" />
        ))}
      </div>
    );
  if (!none) return null;
  const asked = query.trim();
  return (
    <p className="palette-nothing">
      <strong dir="auto">{asked ? t("search.nothing", { query: asked }) : t("search.no-chats")}</strong>
      {(asked || filtered) && <span className="muted">{t("search.nothing.hint")}</span>}
    </p>
  );
}
