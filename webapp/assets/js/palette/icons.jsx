const Icon = ({ children, size = 17 }) => (
  <svg
    className="palette-icon"
    width={size}
    height={size}
    viewBox="0 0 24 24"
    fill="none"
    stroke="currentColor"
    strokeWidth="2"
    strokeLinecap="round"
    strokeLinejoin="round"
    aria-hidden="true"
  >
    {children}
  </svg>
);

export const SearchIcon = () => (
  <Icon size={19}>
    <path d="m21 21-4.3-4.3M11 19a8 8 0 1 0 0-16 8 8 0 0 0 0 16Z" />
  </Icon>
);

export const ChatIcon = () => (
  <Icon>
    <path d="M21 12a8 8 0 0 1-8 8H4l2-3.5A8 8 0 1 1 21 12Z" />
  </Icon>
);

// A question stands on its right side, an answer on its left, as in the conversation.
export const MessageIcon = ({ role }) => (
  <Icon>
    <path d={role === "user" ? "M20 6H8M20 12H4M20 18h-8" : "M4 6h12M4 12h16M4 18h8"} />
  </Icon>
);

export const CommandIcon = () => (
  <Icon>
    <path d="m5 17 6-5-6-5M13 18h6" />
  </Icon>
);
