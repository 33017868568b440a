// The icons of the list, as the rest of the page has them: lucide's.
import Archive from "lucide-react/dist/esm/icons/archive.mjs";
import ArchiveRestore from "lucide-react/dist/esm/icons/archive-restore.mjs";
import Check from "lucide-react/dist/esm/icons/check.mjs";
import CheckCheck from "lucide-react/dist/esm/icons/check-check.mjs";
import ChevronDown from "lucide-react/dist/esm/icons/chevron-down.mjs";
import Download from "lucide-react/dist/esm/icons/download.mjs";
import Ellipsis from "lucide-react/dist/esm/icons/ellipsis.mjs";
import Eraser from "lucide-react/dist/esm/icons/eraser.mjs";
import FolderInput from "lucide-react/dist/esm/icons/folder-input.mjs";
import FolderPlus from "lucide-react/dist/esm/icons/folder-plus.mjs";
import ListChecks from "lucide-react/dist/esm/icons/list-checks.mjs";
import MessagesSquare from "lucide-react/dist/esm/icons/messages-square.mjs";
import PanelLeft from "lucide-react/dist/esm/icons/panel-left.mjs";
import Pencil from "lucide-react/dist/esm/icons/pencil.mjs";
import Pin from "lucide-react/dist/esm/icons/pin.mjs";
import PinOff from "lucide-react/dist/esm/icons/pin-off.mjs";
import SlidersHorizontal from "lucide-react/dist/esm/icons/sliders-horizontal.mjs";
import Trash2 from "lucide-react/dist/esm/icons/trash-2.mjs";
import Undo2 from "lucide-react/dist/esm/icons/undo-2.mjs";
import X from "lucide-react/dist/esm/icons/x.mjs";

const ICONS = {
  archive: Archive,
  "archive-restore": ArchiveRestore,
  check: Check,
  "check-check": CheckCheck,
  "chevron-down": ChevronDown,
  download: Download,
  ellipsis: Ellipsis,
  eraser: Eraser,
  "folder-input": FolderInput,
  "folder-plus": FolderPlus,
  "list-checks": ListChecks,
  "messages-square": MessagesSquare,
  "panel-left": PanelLeft,
  pencil: Pencil,
  pin: Pin,
  "pin-off": PinOff,
  "sliders-horizontal": SlidersHorizontal,
  "trash-2": Trash2,
  "undo-2": Undo2,
  x: X,
};

export function Icon({ name, size = 16 }) {
  const Drawn = ICONS[name];
  return <Drawn size={size} aria-hidden="true" />;
}

export function IconButton({ icon, label, className = "", ...props }) {
  return (
    <button type="button" className={`icon-button ${className}`.trim()} aria-label={label} title={label} {...props}>
      <Icon name={icon} size={17} />
    </button>
  );
}
