import { createRoot } from "react-dom/client";
import { Router } from "wouter";
import { App } from "./app";
import { AdminProvider } from "./state/admin";
import { ThemeProvider } from "./state/theme";

createRoot(document.getElementById("root")!).render(
  <Router base="/console">
    <ThemeProvider>
      <AdminProvider>
        <App />
      </AdminProvider>
    </ThemeProvider>
  </Router>,
);
