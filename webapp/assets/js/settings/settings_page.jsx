// /settings: everything about the account on one page. `children` are the part about exports and imports.
import { useCallback, useEffect, useRef, useState } from "react";
import { useLocation, useNavigate } from "react-router";
import ArrowLeft from "lucide-react/dist/esm/icons/arrow-left.mjs";
import { useWords } from "$/public/js/words.js";
import { Appearance } from "$/public/js/settings/appearance.jsx";
import { call } from "$/public/js/settings/calls.js";
import { Danger, Retention } from "$/public/js/settings/danger.jsx";
import { Devices } from "$/public/js/settings/devices.jsx";
import { Section } from "$/public/js/settings/parts.jsx";
import { Password, Profile } from "$/public/js/settings/profile.jsx";

const SECTIONS = ["profile", "appearance", "password", "devices", "data", "retention", "danger"];
// Sent by the server's side of the page (webapp/state/account.py) once this browser is signed out.
const SIGNED_OUT = "chat-signed-out";

const goTo = (section) => {
  document.getElementById(section)?.scrollIntoView({ block: "start", behavior: "smooth" });
  document.getElementById(`${section}-title`)?.focus({ preventScroll: true });
};

const useAccount = () => {
  const t = useWords();
  const [account, setAccount] = useState(null);
  const [failed, setFailed] = useState("");
  const load = useCallback(async () => {
    const { data, detail } = await call(t, "GET", "/account");
    if (data) setAccount(data);
    setFailed(data ? "" : detail);
  }, [t]);
  useEffect(() => {
    load();
  }, [load]);
  const change = (changes) => setAccount((known) => ({ ...known, ...changes }));
  return { account, failed, load, change };
};

// The topmost section on the screen.
const useSectionInView = (ready) => {
  const [inView, setInView] = useState(SECTIONS[0]);
  useEffect(() => {
    if (!ready) return undefined;
    const visible = new Set();
    const observer = new IntersectionObserver(
      (changes) => {
        for (const { target, isIntersecting } of changes) visible[isIntersecting ? "add" : "delete"](target.id);
        setInView((last) => SECTIONS.find((section) => visible.has(section)) ?? last);
      },
      { rootMargin: "-80px 0px -45% 0px" },
    );
    for (const section of SECTIONS) observer.observe(document.getElementById(section));
    return () => observer.disconnect();
  }, [ready]);
  return inView;
};

// Back to the chat that one came from.
const useBack = () => {
  const navigate = useNavigate();
  const { key } = useLocation();
  return () => (key === "default" ? navigate("/chat") : navigate(-1));
};

export function SettingsPage({ children }) {
  const t = useWords();
  const back = useBack();
  const going = useRef(false);
  const { account, failed, load, change } = useAccount();
  useEffect(() => {
    const leave = () => {
      if (!going.current) location.assign("/sign-in?reason=elsewhere&next=/settings");
    };
    window.addEventListener(SIGNED_OUT, leave);
    return () => window.removeEventListener(SIGNED_OUT, leave);
  }, []);
  const inView = useSectionInView(Boolean(account));
  const asked = useLocation().hash.slice(1);
  useEffect(() => {
    if (account && SECTIONS.includes(asked)) document.getElementById(asked)?.scrollIntoView();
  }, [asked, !account]);
  return (
    <div className="settings">
      <header className="settings-header">
        <button type="button" className="icon-button" aria-label={t("settings.back")} title={t("settings.back")} onClick={back}>
          <ArrowLeft size={19} aria-hidden="true" />
        </button>
        <h1>{t("settings.title")}</h1>
      </header>
      <div className="settings-columns">
        <nav aria-label={t("settings.sections")}>
          {SECTIONS.map((section) => (
            <a
              key={section}
              href={`#${section}`}
              aria-current={section === inView ? "true" : undefined}
              onClick={(event) => {
                event.preventDefault();
                goTo(section);
              }}
            >
              {t(`settings.${section}`)}
            </a>
          ))}
        </nav>
        <main className="settings-main" aria-busy={!account && !failed}>
          {failed && (
            <div className="form-error" role="alert">
              {failed}{" "}
              <button type="button" className="text-button inline" onClick={load}>
                {t("common.try-again")}
              </button>
            </div>
          )}
          {!account && !failed && <Skeleton />}
          {account && (
            <>
              <Profile account={account} onChange={change} />
              <Appearance />
              <Password
                username={account.username}
                onOthersSignedOut={() => change({ devices: account.devices.filter((device) => device.current) })}
              />
              <Devices devices={account.devices} onChange={(devices) => change({ devices })} />
              <Section id="data" title={t("settings.data")}>
                {children}
              </Section>
              <Retention days={account.retention_days} onChange={(days) => change({ retention_days: days })} />
              <Danger
                username={account.username}
                onExport={() => goTo("data")}
                onGoing={(now) => {
                  going.current = now;
                }}
              />
            </>
          )}
        </main>
      </div>
    </div>
  );
}

function Skeleton() {
  return [1, 2, 3].map((each) => (
    <div key={each} className="settings-section" aria-hidden="true">
      <div className="skeleton skeleton-session" />
      <div className="skeleton skeleton-session" />
    </div>
  ));
}
