// The devices that are signed in, each of which can be signed out.
import { useState } from "react";
import Monitor from "lucide-react/dist/esm/icons/monitor.mjs";
import Smartphone from "lucide-react/dist/esm/icons/smartphone.mjs";
import Terminal from "lucide-react/dist/esm/icons/square-terminal.mjs";
import { useWords } from "$/public/js/words.js";
import { call } from "$/public/js/settings/calls.js";
import { Outcome, Section } from "$/public/js/settings/parts.jsx";

const PHONES = new Set(["iOS", "Android", "HarmonyOS", "KaiOS", "Windows Phone"]);
const UNITS = [
  ["day", 24 * 3600],
  ["hour", 3600],
  ["minute", 60],
];

const iconOf = ({ browser, system }) => {
  if (PHONES.has(system)) return Smartphone;
  return browser && !system ? Terminal : Monitor; // a program names no system
};

const nameOf = ({ browser, system }, t) => {
  if (browser && system) return t("settings.devices.on", { browser, system });
  return browser || system || t("settings.devices.unknown");
};

const lastUse = (moment, t) => {
  const seconds = (Date.now() - new Date(moment)) / 1000;
  const found = UNITS.find(([, length]) => seconds >= length);
  if (!found) return t("settings.devices.used-now");
  const [unit, length] = found;
  const when = new Intl.RelativeTimeFormat(t.language, { numeric: "auto" }).format(-Math.floor(seconds / length), unit);
  return t("settings.devices.used", { when });
};

const inFull = (moment, locale) =>
  new Date(moment).toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" });

function Device({ device, onSignOut, busy }) {
  const t = useWords();
  const Icon = iconOf(device);
  const name = nameOf(device, t);
  return (
    <li className="settings-device" data-testid="device">
      <Icon size={20} aria-hidden="true" />
      <div>
        <strong>
          {name}
          {device.current && <span className="settings-badge">{t("settings.devices.this")}</span>}
        </strong>
        <span className="muted">
          {device.current ? (
            t("settings.devices.now")
          ) : (
            <time dateTime={device.last_used_at} title={inFull(device.last_used_at, t.language)}>
              {lastUse(device.last_used_at, t)}
            </time>
          )}
          {" · "}
          <time dateTime={device.signed_in_at}>
            {t("settings.devices.since", { when: inFull(device.signed_in_at, t.language) })}
          </time>
          {device.address && ` · ${device.address}`}
        </span>
      </div>
      {!device.current && (
        <button
          type="button"
          className="plain-button"
          aria-label={t("settings.devices.sign-out-one", { device: name })}
          disabled={busy}
          onClick={onSignOut}
        >
          {t("settings.devices.sign-out")}
        </button>
      )}
    </li>
  );
}

export function Devices({ devices, onChange }) {
  const t = useWords();
  const [outcome, setOutcome] = useState(null);
  const [busy, setBusy] = useState(false);
  const here = devices.filter((device) => device.current);
  const others = devices.filter((device) => !device.current);
  const signOut = async (path, gone, done) => {
    setBusy(true);
    const { data, detail } = await call(t, "DELETE", path);
    setBusy(false);
    setOutcome(data ? { text: done } : { failed: detail });
    if (data) onChange(devices.filter((device) => !gone(device)));
  };
  return (
    <Section id="devices" title={t("settings.devices")} hint={t("settings.devices.about")}>
      <ul className="settings-devices">
        {[...here, ...others].map((device) => (
          <Device
            key={device.id}
            device={device}
            busy={busy}
            onSignOut={() =>
              signOut(`/account/devices/${device.id}`, (each) => each.id === device.id, t("settings.devices.done"))
            }
          />
        ))}
      </ul>
      <Outcome outcome={outcome} />
      {others.length > 1 && (
        <button
          type="button"
          className="plain-button"
          disabled={busy}
          onClick={() => signOut("/account/devices", (each) => !each.current, t("settings.devices.done-others"))}
        >
          {t("settings.devices.sign-out-others")}
        </button>
      )}
    </Section>
  );
}
